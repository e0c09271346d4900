use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::guests::READS;
use super::say;
use super::stage::Stage;
use crate::cli::client::{Client, ClientArgs};
use crate::cli::output::{table, text_at};

/// Unread in all, then by severity.
const COUNTS: [&str; 4] = ["unread", "critical", "warning", "info"];

/// The entry that a report left in an inbox.
pub async fn entry_of(stage: &Stage, who: &str, report: &str) -> Result<Value> {
    let inbox = stage.client.get(&format!("/v1/recipients/{who}/inbox")).await?;
    let mut rows = inbox["rows"].as_array().into_iter().flatten();
    let entry = rows.find(|row| row["report"] == report);
    entry.cloned().with_context(|| format!("{report} is not in the inbox of {who}"))
}

/// Shows what waits in an inbox before and after its recipient, signed in by a short-lived token of its own, has read
/// one entry and acknowledged another.
pub async fn show(stage: &Stage) -> Result<bool> {
    let path = format!("/v1/recipients/{READS}");
    let tokens = format!("{path}/tokens");
    let told = stage.client.send(Method::POST, &tokens, &json!({ "ttl_s": 60 })).await?;
    let token = text_at(&told, "/token");
    let own = Client::new(&ClientArgs { url: stage.client_url().to_owned(), key: Some(token) })?;
    let before = own.get(&format!("{path}/inbox")).await?;
    let counts_before = counts(&before);
    let mut cells = vec![row("as it came", counts_before)];

    let mut through = 0;
    let mut counted = vec![counts_before];
    for (severity, mark) in [("info", "read"), ("critical", "acknowledge")] {
        let mut rows = before["rows"].as_array().into_iter().flatten();
        let entry = rows.find(|row| row["severity"] == severity);
        let entry = entry.with_context(|| format!("no {severity} entry in the inbox"))?;
        let marked = format!("/v1/inbox/{}/{mark}", text_at(entry, "/delivery"));
        let told = own.send(Method::POST, &marked, &json!({})).await?;
        through = told["position"].as_i64().unwrap_or(through);
        let after = own.get(&format!("{path}/inbox?at_least_position={through}")).await?;
        counted.push(counts(&after));
        let what = format!("{mark}: {} ({severity})", text_at(entry, "/report"));
        cells.push(row(&what, counts(&after)));
    }
    let holds = counted == [[3, 1, 1, 1], [2, 1, 1, 0], [1, 0, 1, 0]];
    say(&format!("\nUnread in the inbox of {READS}, who signed in by a token of one minute"));
    say(&table(&["", "unread", "critical", "warning", "info"], cells).to_string());
    say(if holds {
        "Unread went from 3 to 1, each count where its entry was: RIGHT"
    } else {
        "The counts do not follow what was read: WRONG"
    });
    Ok(holds)
}

fn counts(inbox: &Value) -> [i64; 4] {
    COUNTS.map(|name| inbox["counts"][name].as_i64().unwrap_or(-1))
}

fn row(what: &str, counts: [i64; 4]) -> Vec<String> {
    let counts = counts.iter().map(i64::to_string);
    std::iter::once(what.to_owned()).chain(counts).collect()
}
