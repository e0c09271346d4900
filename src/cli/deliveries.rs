//! `waybill deliveries`: look at them, cancel, resend, resolve, by the public API.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, ClientArgs};
use super::output::{Output, print_facts, print_rows, say, text_at};
use super::subscriptions::rows_of;

/// What to do with deliveries.
#[derive(Debug, Args)]
pub struct DeliveriesArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them.
    List {
        /// Only those of this report.
        #[arg(long)]
        report: Option<String>,
        /// Only those to this recipient.
        #[arg(long)]
        recipient: Option<String>,
        /// Only those in this state (scheduled, attempting, retrying, in_doubt, closed).
        #[arg(long)]
        state: Option<String>,
        /// Only those that ended so (delivered, accepted, dead_lettered, cancelled, expired, suppressed).
        #[arg(long)]
        outcome: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        first: u32,
    },
    /// Show one with its timeline.
    Show {
        /// Which.
        id: String,
    },
    /// Call one off.
    Cancel {
        /// Which.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Send a closed one once more, as a delivery of its own.
    Resend {
        /// Which.
        id: String,
    },
    /// Send those of a distribution once more that failed, and no others.
    ResendFailed {
        /// Which distribution.
        distribution: String,
        /// Only those that ended so (dead_lettered, expired); both when not given.
        #[arg(long)]
        outcome: Vec<String>,
        /// Leave out those that came back after they were accepted.
        #[arg(long)]
        not_bounced: bool,
        /// Only say how many.
        #[arg(long)]
        dry_run: bool,
    },
    /// Settle an attempt in doubt.
    Resolve {
        /// Which.
        id: String,
        /// Which attempt.
        #[arg(long)]
        attempt: u32,
        /// What you found: arrived or not_arrived.
        #[arg(long)]
        resolution: String,
        /// How you know.
        #[arg(long)]
        note: String,
    },
}

/// Does what was asked for.
pub async fn run(args: DeliveriesArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    match args.action {
        Action::List { report, recipient, state, outcome, first } => {
            let filters = [
                ("report", report),
                ("recipient", recipient),
                ("state", state),
                ("outcome", outcome),
            ];
            list(&client, first, filters, output).await?;
        }
        Action::Show { id } => show(&client, &id, output).await?,
        Action::Cancel { id, reason } => {
            let raw = post(&client, &id, "cancel", &json!({ "reason": reason })).await?;
            told(output, "cancelled", &raw);
        }
        Action::Resend { id } => {
            let raw = post(&client, &id, "resend", &json!({})).await?;
            told(output, &format!("sent again as {}", text_at(&raw, "/delivery")), &raw);
        }
        Action::ResendFailed { distribution, outcome, not_bounced, dry_run } => {
            let mut which = json!({ "bounced": !not_bounced, "dry_run": dry_run });
            if !outcome.is_empty() {
                which["outcomes"] = json!(outcome);
            }
            return resend_failed(&client, &distribution, &which, output).await;
        }
        Action::Resolve { id, attempt, resolution, note } => {
            let body = json!({ "attempt": attempt, "resolution": resolution, "note": note });
            told(output, "resolved", &post(&client, &id, "resolve", &body).await?);
        }
    }
    Ok(true)
}

async fn post(client: &Client, id: &str, verb: &str, body: &Value) -> Result<Value> {
    client.send(Method::POST, &format!("/v1/deliveries/{id}/{verb}"), body).await
}

/// Asks again while there are more. False when any was refused.
async fn resend_failed(
    client: &Client,
    distribution: &str,
    which: &Value,
    output: Output,
) -> Result<bool> {
    let (mut found, mut resent, mut changed, mut position) = (0, 0, 0, 0);
    let mut refused: Vec<Value> = Vec::new();
    loop {
        let path = format!("/v1/distributions/{distribution}/resend?at_least_position={position}");
        let raw = client.send(Method::POST, &path, which).await?;
        let count = |name: &str| raw[name].as_u64().unwrap_or_default();
        found += count("found");
        resent += count("resent");
        changed += count("changed");
        position = raw["position"].as_i64().unwrap_or_default();
        refused.extend(raw["refused"].as_array().cloned().unwrap_or_default());
        // What was refused is found again each time: without a further one sent there is no progress.
        if raw["more"] != true || count("resent") == 0 {
            let facts = [
                ("failed", found.to_string()),
                ("sent again", resent.to_string()),
                ("changed meanwhile", changed.to_string()),
                ("refused", refused.len().to_string()),
                ("further ones", raw["more"].to_string()),
            ];
            let whole = json!({
                "distribution": distribution, "found": found, "resent": resent, "changed": changed,
                "refused": refused, "more": raw["more"], "position": position,
            });
            print_facts(output, &facts, &whole);
            for delivery in &refused {
                let (id, why) = (text_at(delivery, "/delivery"), text_at(delivery, "/reason"));
                say(output, &format!("{id}: {why}"));
            }
            return Ok(refused.is_empty());
        }
    }
}

fn told(output: Output, what: &str, raw: &Value) {
    match output {
        Output::Json => print_facts(output, &[], raw),
        Output::Table => say(output, what),
    }
}

async fn list(
    client: &Client,
    first: u32,
    filters: [(&str, Option<String>); 4],
    output: Output,
) -> Result<()> {
    let mut path = format!("/v1/deliveries?limit={first}");
    for (name, value) in filters {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    let raw = client.get(&path).await?;
    let columns =
        ["/delivery", "/report", "/version", "/recipient", "/channel", "/state", "/outcome"];
    let header = ["delivery", "report", "version", "recipient", "channel", "state", "outcome"];
    print_rows(output, &header, rows_of(&raw, &columns), &raw);
    Ok(())
}

const TIMELINE: &str = "query Timeline($id: ID!) { delivery(id: $id) { id report version recipient \
     channel state outcome attempts timeline { position recordedAt type actor summary } } }";

async fn show(client: &Client, id: &str, output: Output) -> Result<()> {
    let raw = client.graphql(TIMELINE, json!({ "id": id })).await?;
    let delivery = &raw["delivery"];
    let facts = ["report", "version", "recipient", "channel", "state", "outcome", "attempts"]
        .map(|name| (name, text_at(delivery, &format!("/{name}"))));
    if output == Output::Table {
        print_facts(output, &facts, delivery);
    }
    let entries = delivery["timeline"].as_array().cloned().unwrap_or_default();
    let columns = ["/position", "/recordedAt", "/type", "/actor", "/summary"];
    let rows = entries
        .iter()
        .map(|entry| columns.iter().map(|column| text_at(entry, column)).collect())
        .collect();
    print_rows(output, &["position", "recorded at", "event", "by", "what"], rows, delivery);
    Ok(())
}
