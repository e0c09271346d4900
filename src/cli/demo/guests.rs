use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::audience::{REPORTS, put};
use super::publishing::FRAMED;
use super::stage::Stage;

/// The group that is subscribed, and the one whose members are its own, too.
pub const GROUP: &str = "readers-of-the-coast";
pub const NESTED: &str = "analysts";
/// Who belongs to it, and where.
const MEMBERS: [(&str, &str); 3] = [("carla", NESTED), ("dan", NESTED), ("emil", GROUP)];
/// Has all reports in an inbox.
pub const READS: &str = "ada";
/// What each is sent as in an inbox, where the frame is to be had so.
pub const RENDERED: [(&str, &str); 3] = [(READS, "xlsx"), ("bert", "parquet"), ("carla", "csv")];
/// A report of a few lines, which comes by mail to these.
pub const LETTER: &str = "letter-to-readers";
pub const BOUNCES: &str = "fred";
pub const UNSUBSCRIBES: &str = "gina";
pub const STAYS: &str = "hana";

/// A few people by name, each of whom shows something: inboxes, a group within a group, a letter by mail.
pub async fn invite(stage: &Stage) -> Result<()> {
    for (who, _) in RENDERED.iter().chain(&MEMBERS) {
        granted(stage, who).await?;
    }
    for (report, ..) in REPORTS {
        subscribe(stage, READS, report, &json!({ "channels": ["inbox"], "formats": ["xlsx"] }))
            .await?;
    }
    let parquet = json!({ "channels": ["inbox"], "formats": ["parquet"] });
    subscribe(stage, "bert", FRAMED, &parquet).await?;
    gather(stage).await?;

    let letter = json!({ "title": "Letter to our readers", "owner": "statistics-desk" });
    put(stage, &format!("/v1/reports/{LETTER}"), &letter).await?;
    for who in [BOUNCES, UNSUBSCRIBES, STAYS] {
        granted(stage, who).await?;
        let address = json!({ "channel": "mail", "value": address_of(who) });
        put(stage, &format!("/v1/recipients/{who}/addresses/mail"), &address).await?;
        subscribe(stage, who, LETTER, &json!({ "channels": ["mail"] })).await?;
    }
    Ok(())
}

/// Where one of them is reached by mail.
pub fn address_of(who: &str) -> String {
    format!("{who}@letters.example")
}

async fn granted(stage: &Stage, who: &str) -> Result<()> {
    let path = format!("/v1/recipients/{who}");
    put(stage, &path, &json!({ "kind": "person" })).await?;
    put(stage, &format!("{path}/entitlements/all"), &json!({ "report": "*" })).await
}

async fn subscribe(stage: &Stage, who: &str, report: &str, preferences: &Value) -> Result<()> {
    let said = json!({
        "recipient": who, "selector": { "report": report }, "preferences": preferences,
    });
    put(stage, &format!("/v1/subscriptions/{who}.{report}"), &said).await
}

/// The groups, with one subscription for all their members.
async fn gather(stage: &Stage) -> Result<()> {
    for (group, title) in [(GROUP, "Readers of the coast"), (NESTED, "Analysts")] {
        put(stage, &format!("/v1/groups/{group}"), &json!({ "title": title })).await?;
        let of = MEMBERS.iter().filter(|(_, of)| *of == group);
        let members: Vec<&str> = of.map(|(who, _)| *who).collect();
        let path = format!("/v1/groups/{group}/members");
        stage.client.send(Method::POST, &path, &json!({ "add": members })).await?;
    }
    put(stage, &format!("/v1/groups/{GROUP}/members/groups/{NESTED}"), &json!({})).await?;
    let said = json!({
        "group": GROUP,
        "selector": { "report": FRAMED },
        "preferences": { "channels": ["inbox"], "formats": ["csv"] },
    });
    put(stage, &format!("/v1/subscriptions/{GROUP}.{FRAMED}"), &said).await
}
