//! `waybill queue`: is the write side's to-do list what the log says it is?

use anyhow::Result;
use clap::{Args, Subcommand};
use schema::RecordedEvent;
use serde_json::{Value, json};
use store::{Due, QueueDifference, QueueReport, QueueRow};

use super::output::{Output, print_rows, say};
use crate::boot;
use crate::config::Config;

/// What to do with the queue.
#[derive(Debug, Args)]
pub struct QueueArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare it with the fold of every delivery; exit 1 when they differ.
    Check,
    /// Make it equal to the fold.
    Rebuild,
    /// Say how much waits in each lane.
    Depth,
}

/// Does what was asked for.
pub async fn run(config: &Config, args: QueueArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::Check => Ok(report(&ledger.queue_check(fold(config)).await?, output)),
        Action::Rebuild => {
            let found = ledger.queue_rebuild(fold(config)).await?;
            report(&found, output);
            say(output, "the queue is now what the events say");
            Ok(true)
        }
        Action::Depth => {
            let depths = ledger.queue_depths().await?;
            let rows: Vec<Vec<String>> = depths
                .iter()
                .map(|depth| {
                    let oldest = depth.oldest_due.map_or_else(String::new, |at| at.to_string());
                    vec![
                        lane(depth.lane).to_owned(),
                        depth.channel.to_string(),
                        depth.due.to_string(),
                        depth.rows.to_string(),
                        oldest,
                    ]
                })
                .collect();
            let raw: Value = rows
                .iter()
                .map(|row| {
                    json!({
                        "lane": row[0], "channel": row[1], "due": row[2], "rows": row[3],
                        "oldest_due": row[4],
                    })
                })
                .collect();
            print_rows(output, &["lane", "channel", "due", "rows", "oldest due"], rows, &raw);
            Ok(true)
        }
    }
}

/// Beyond the longest configured send, so that a rebuild never takes an attempt from whoever is making it.
const LEASE_SLACK_MS: u64 = 10_000;

/// The row that a delivery's events add up to. An attempt under way is leased for as long as any may take.
pub fn fold(config: &Config) -> impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + use<> {
    let longest_ms = config.mail.send_timeout_ms.max(config.webhook.timeout_ms);
    let lease_ms = longest_ms + config.dispatch.lease_margin_ms + LEASE_SLACK_MS;
    move |events| dispatch::fold_queue(events, lease_ms)
}

/// A lane as people call it.
pub const fn lane(lane: i16) -> &'static str {
    match lane {
        0 => "first",
        1 => "retry",
        _ => "held",
    }
}

/// Prints what was found; whether the queue and the events are equal.
fn report(found: &QueueReport, output: Output) -> bool {
    let rows: Vec<Vec<String>> = found.differences.iter().map(cells).collect();
    let raw = json!({
        "streams": found.streams,
        "open": found.open,
        "equal": rows.is_empty(),
        "differences": rows,
    });
    if output == Output::Json || !rows.is_empty() {
        print_rows(output, &["delivery", "difference", "queue", "events"], rows, &raw);
    }
    let verdict = if found.differences.is_empty() { "equal" } else { "DIFFERENT" };
    let sentence = format!(
        "queue and events are {verdict}: {} deliveries read, {} open, {} differences",
        found.streams,
        found.open,
        found.differences.len()
    );
    say(output, &sentence);
    found.differences.is_empty()
}

fn cells(difference: &QueueDifference) -> Vec<String> {
    match difference {
        QueueDifference::Missing { delivery } => {
            vec![delivery.to_string(), "row missing".to_owned(), String::new(), "open".to_owned()]
        }
        QueueDifference::Surplus { delivery } => {
            vec![delivery.to_string(), "row too many".to_owned(), "row".to_owned(), String::new()]
        }
        QueueDifference::Differs { delivery, column, queue, events } => {
            vec![delivery.to_string(), format!("{column} differs"), queue.clone(), events.clone()]
        }
    }
}
