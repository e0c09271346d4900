use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::publishing::FRAMED;
use super::stage::Stage;

/// Requests under way at once.
const IN_FLIGHT: usize = 24;
/// Every so many recipients one hangs on the sick destination, another on the broken one.
const SICK_EVERY: usize = 40;
const BROKEN_EVERY: usize = 100;

/// The demo's reports, with the attribute some subscriptions ask for.
pub const REPORTS: [(&str, &str, &str); 3] = [
    ("us-employment-monthly", "US employment by sector, monthly", "US"),
    ("seattle-weather-daily", "Seattle weather, daily", "US-WA"),
    ("iowa-electricity-yearly", "Electricity generated in Iowa by source, yearly", "US-IA"),
];
const ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"];
const FORMATS: [&[&str]; 6] =
    [&["pdf", "csv"], &["xlsx"], &["xlsx", "csv"], &["csv"], &[], &["parquet", "csv"]];
/// What the versions of the report with a data frame must have.
const COLUMNS: [(&str, &str); 6] = [
    ("date", "date"),
    ("precipitation", "decimal"),
    ("temp_max", "decimal"),
    ("temp_min", "decimal"),
    ("wind", "decimal"),
    ("weather", "text"),
];

/// Registers the reports, then `count` recipients with mixed addresses, grants and preferences.
pub async fn invite(stage: &Stage, count: usize) -> Result<()> {
    for (report, title, _) in REPORTS {
        let mut profile = json!({ "title": title, "owner": "statistics-desk", "deadline_s": 3600 });
        if report == FRAMED {
            profile["columns"] =
                COLUMNS.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
        }
        stage.client.send(Method::PUT, &format!("/v1/reports/{report}"), &profile).await?;
    }
    stream::iter(0..count)
        .map(|n| recipient(stage, n))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn recipient(stage: &Stage, n: usize) -> Result<()> {
    let id = format!("reader-{n:04}");
    let path = format!("/v1/recipients/{id}");
    let profile = json!({
        "kind": if n.is_multiple_of(5) { "system" } else { "person" },
        "name": format!("Reader No. {n}"),
        "locale": if n.is_multiple_of(4) { "de" } else { "en" },
        "zone": ZONES[n % ZONES.len()],
    });
    put(stage, &path, &profile).await?;
    for &channel in channels(n).iter().filter(|&&channel| channel != "inbox") {
        let value = match channel {
            "mail" => format!("reader.{n:04}@readers.example"),
            _ => webhook(stage, n),
        };
        let address = json!({ "channel": channel, "value": value });
        put(stage, &format!("{path}/addresses/{channel}"), &address).await?;
    }
    // One in fifty was never granted anything: considered, not planned, and the reason is on record.
    if n % 50 != 7 {
        put(stage, &format!("{path}/entitlements/all"), &json!({ "report": "*" })).await?;
    }
    for (report, _, region) in REPORTS.iter().take(1 + n % REPORTS.len()) {
        subscribe(stage, n, &id, report, region).await?;
    }
    Ok(())
}

/// In order of preference.
const fn channels(n: usize) -> &'static [&'static str] {
    match n % 10 {
        0..=4 => &["mail"],
        5 | 6 => &["webhook"],
        7 => &["inbox"],
        8 => &["webhook", "mail"],
        _ => &["mail", "webhook"],
    }
}

fn webhook(stage: &Stage, n: usize) -> String {
    match n {
        n if n % BROKEN_EVERY == 5 => stage.broken.url(&format!("/broken/{n}")),
        n if n % SICK_EVERY == 6 => stage.sick.url(&format!("/sick/{n}")),
        n => stage.good.url(&format!("/ok/{n}")),
    }
}

async fn subscribe(stage: &Stage, n: usize, id: &str, report: &str, region: &str) -> Result<()> {
    let mut selector = json!({ "report": report });
    if n.is_multiple_of(3) {
        // Every ninth of these asks for a region that no version has.
        let wanted = if n.is_multiple_of(27) { json!(["EU"]) } else { json!([region, "US"]) };
        selector["attributes"] = json!({ "region": wanted });
    }
    let subscription = json!({
        "recipient": id,
        "selector": selector,
        "preferences": { "channels": channels(n), "formats": FORMATS[n % FORMATS.len()] },
    });
    let path = format!("/v1/subscriptions/{id}.{report}");
    put(stage, &path, &subscription).await?;
    if n % 60 == 11 {
        let pause = json!({ "reason": "on holiday" });
        stage.client.send(Method::POST, &format!("{path}/pause"), &pause).await?;
    }
    Ok(())
}

/// Puts something in place.
pub async fn put(stage: &Stage, path: &str, body: &Value) -> Result<()> {
    stage.client.send(Method::PUT, path, body).await.map(|_| ())
}
