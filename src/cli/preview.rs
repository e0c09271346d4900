//! `waybill subscriptions preview`: what a subscription would have led to, tried on versions of the past.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, answer};
use super::output::{Output, print_rows, say, text_at};
use super::subscriptions::rows_of;
use super::yaml;

/// Which subscription, on which versions.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// What the subscription says (JSON or YAML), as the API takes it; the options below instead.
    #[arg(long, conflicts_with_all = ["recipient", "group", "report", "attributes", "formats"])]
    file: Option<PathBuf>,
    /// Who would get it.
    #[arg(long, conflicts_with = "group")]
    recipient: Option<String>,
    /// Whose members would get it.
    #[arg(long)]
    group: Option<String>,
    /// Which report; `*` for every one.
    #[arg(long, required_unless_present = "file")]
    report: Option<String>,
    /// An attribute and a value it may have, `NAME=VALUE`; repeat it for more.
    #[arg(long = "attribute")]
    attributes: Vec<String>,
    /// Channels in order of preference.
    #[arg(long, value_delimiter = ',', default_value = "mail")]
    channels: Vec<String>,
    /// Formats in order of preference; all of a version's files when absent.
    #[arg(long, value_delimiter = ',')]
    formats: Vec<String>,
    /// The subscription that is to say this; a new one when absent.
    #[arg(long)]
    id: Option<String>,
    /// Versions received from then on (RFC 3339); 30 days before `to` when absent.
    #[arg(long)]
    from: Option<String>,
    /// Versions received before then; now when absent.
    #[arg(long)]
    to: Option<String>,
    /// At least so many versions, if there are; the last part comes whole.
    #[arg(long, default_value_t = 200)]
    first: u32,
}

/// Asks part by part, and tells versions with how many would get them.
pub async fn preview(client: &Client, args: &PreviewArgs, output: Output) -> Result<()> {
    let body = args.body()?;
    let mut told = part(client, args, &body, &Value::Null).await?;
    while told["next"].is_string() && rows(&told).count() < args.first as usize {
        let mut further = part(client, args, &body, &told).await?;
        let more = further["rows"].as_array_mut().map(std::mem::take).unwrap_or_default();
        told["rows"].as_array_mut().into_iter().for_each(|rows| rows.extend(more.iter().cloned()));
        told["next"] = further["next"].take();
    }
    let columns = [
        "/report",
        "/version",
        "/received_at",
        "/matches",
        "/planned",
        "/same_delivery",
        "/not_planned",
    ];
    let header = columns.map(|column| &column[1..]);
    print_rows(output, &header, rows_of(&told, &columns), &told);
    tell(&told, output);
    Ok(())
}

async fn part(client: &Client, args: &PreviewArgs, body: &Value, before: &Value) -> Result<Value> {
    let told = |name: &str| before[name].as_str().map(str::to_owned);
    let mut query = vec![("limit", "200".to_owned())];
    for (name, value) in [
        ("subscription", args.id.clone()),
        ("from", told("from").or_else(|| args.from.clone())),
        ("to", told("to").or_else(|| args.to.clone())),
        ("after", told("next")),
    ] {
        query.extend(value.map(|value| (name, value)));
    }
    let request = client.request(Method::POST, "/v1/subscriptions/preview");
    answer(request.query(&query).json(body).send().await).await
}

fn rows(told: &Value) -> impl Iterator<Item = &Value> {
    told["rows"].as_array().into_iter().flatten()
}

/// Who would get it, and who not and why, once for all versions.
fn tell(told: &Value, output: Output) {
    let mut counts = BTreeMap::<(String, String), usize>::new();
    for pair in rows(told).flat_map(|row| row["decisions"].as_array().into_iter().flatten()) {
        let decision = match pair["reason"].as_str() {
            Some(reason) => format!("not planned: {reason}"),
            None if pair["same_delivery"].is_string() => {
                format!(
                    "{}, led to by {} already",
                    text_at(pair, "/channel"),
                    text_at(pair, "/same_delivery")
                )
            }
            None => {
                let parts = ["/channel", "/format", "/planned_at"].map(|part| text_at(pair, part));
                let parts = parts.into_iter().filter(|part| !part.is_empty());
                parts.collect::<Vec<_>>().join(" ")
            }
        };
        *counts.entry((text_at(pair, "/recipient"), decision)).or_default() += 1;
    }
    for ((recipient, decision), count) in counts {
        say(output, &format!("{recipient}: {count} × {}", decision.trim_end()));
    }
    if told["next"].is_string() {
        say(output, "more versions follow: give --first, or a shorter time");
    }
    say(output, &format!("as of position {}; nothing was written", text_at(told, "/position")));
}

impl PreviewArgs {
    fn body(&self) -> Result<Value> {
        if let Some(file) = &self.file {
            return yaml::read(file);
        }
        let mut attributes = json!({});
        for given in &self.attributes {
            let (name, value) = given.split_once('=').context("--attribute: must be NAME=VALUE")?;
            match attributes[name].as_array_mut() {
                Some(values) => values.push(json!(value)),
                None => attributes[name] = json!([value]),
            }
        }
        let mut body = json!({
            "selector": { "report": self.report, "attributes": attributes },
            "preferences": { "channels": self.channels, "formats": self.formats },
        });
        for (name, value) in [("recipient", &self.recipient), ("group", &self.group)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        Ok(body)
    }
}
