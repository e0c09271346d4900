//! `waybill subscriptions`: look at them and change them, by the public API.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::bulk::{self, ExportArgs, ImportArgs};
use super::client::{Client, ClientArgs};
use super::output::{Output, print_facts, print_rows, say, text_at};
use super::preview::{PreviewArgs, preview};

/// What to do with subscriptions.
#[derive(Debug, Args)]
pub struct SubscriptionsArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them, newest change last.
    List {
        /// Only this recipient's.
        #[arg(long)]
        recipient: Option<String>,
        /// Only those of this report.
        #[arg(long)]
        report: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        first: u32,
    },
    /// Show one.
    Show {
        /// Which.
        id: String,
    },
    /// Subscribe by the thousand, from a file of lines: a bad one is told and stops nothing else.
    Import(ImportArgs),
    /// Write all that have not ended as lines, as `import` reads them.
    Export(ExportArgs),
    /// Say what a subscription would have led to, tried on versions of the past; nothing is written.
    Preview(PreviewArgs),
    /// Subscribe a recipient or a group to a report.
    Add {
        /// A name for the subscription.
        id: String,
        /// Who gets it.
        #[arg(long, required_unless_present = "group", conflicts_with = "group")]
        recipient: Option<String>,
        /// Whose members get it.
        #[arg(long)]
        group: Option<String>,
        /// Which report; `*` for every one.
        #[arg(long)]
        report: String,
        /// Channels in order of preference.
        #[arg(long, value_delimiter = ',', default_value = "mail")]
        channels: Vec<String>,
        /// Formats in order of preference; all of a version's files when absent.
        #[arg(long, value_delimiter = ',')]
        formats: Vec<String>,
    },
    /// Hold one back.
    Pause {
        /// Which.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Until when (RFC 3339); until resumed, when absent.
        #[arg(long)]
        until: Option<String>,
    },
    /// Let it go on.
    Resume {
        /// Which.
        id: String,
    },
    /// End it.
    Unsubscribe {
        /// Which.
        id: String,
        /// Why.
        #[arg(long, default_value = "requested")]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(args: SubscriptionsArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    match args.action {
        Action::List { recipient, report, first } => {
            list(&client, recipient, report, first, output).await?;
        }
        Action::Show { id } => {
            let raw = client.get(&format!("/v1/subscriptions/{id}")).await?;
            let facts = [
                ("subscription", "/subscription"),
                ("recipient", "/recipient"),
                ("group", "/group"),
                ("state", "/state"),
            ]
            .map(|(name, path)| (name, text_at(&raw, path)));
            print_facts(output, &facts, &raw);
        }
        Action::Import(args) => return bulk::import(&client, &args, output).await,
        Action::Export(args) => bulk::export(&client, &args).await?,
        Action::Preview(args) => preview(&client, &args, output).await?,
        Action::Add { id, recipient, group, report, channels, formats } => {
            let mut body = json!({
                "selector": { "report": report },
                "preferences": { "channels": channels, "formats": formats },
            });
            for (name, value) in [("recipient", recipient), ("group", group)] {
                if let Some(value) = value {
                    body[name] = json!(value);
                }
            }
            let path = format!("/v1/subscriptions/{id}");
            changed(output, "subscribed", &client.send(Method::PUT, &path, &body).await?);
        }
        Action::Pause { id, reason, until } => {
            let mut body = json!({ "reason": reason });
            if let Some(until) = until {
                body["until"] = json!(until);
            }
            changed(output, "paused", &post(&client, &id, "pause", &body).await?);
        }
        Action::Resume { id } => {
            changed(output, "resumed", &post(&client, &id, "resume", &json!({})).await?);
        }
        Action::Unsubscribe { id, reason } => {
            let body = json!({ "reason": reason });
            changed(output, "unsubscribed", &post(&client, &id, "unsubscribe", &body).await?);
        }
    }
    Ok(true)
}

async fn post(client: &Client, id: &str, verb: &str, body: &Value) -> Result<Value> {
    client.send(Method::POST, &format!("/v1/subscriptions/{id}/{verb}"), body).await
}

fn changed(output: Output, what: &str, raw: &Value) {
    match output {
        Output::Json => print_facts(output, &[], raw),
        Output::Table => say(output, &format!("{what} at position {}", text_at(raw, "/position"))),
    }
}

async fn list(
    client: &Client,
    recipient: Option<String>,
    report: Option<String>,
    first: u32,
    output: Output,
) -> Result<()> {
    let mut path = format!("/v1/subscriptions?limit={first}");
    for (name, value) in [("recipient", recipient), ("report", report)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    let raw = client.get(&path).await?;
    let columns =
        ["/subscription", "/recipient", "/group", "/selector/report", "/state", "/version"];
    let rows = rows_of(&raw, &columns);
    let header = ["subscription", "recipient", "group", "report", "state", "version"];
    print_rows(output, &header, rows, &raw);
    Ok(())
}

/// The columns of each entry of a page (`{"rows": […], …}`).
pub fn rows_of(page: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let entries = page.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| columns.iter().map(|column| text_at(entry, column)).collect())
        .collect()
}
