//! `waybill suppressions`: addresses that nothing is sent to, by the public API.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::client::{Client, ClientArgs, answer};
use super::output::{Output, print_facts, print_rows, text_at};

/// What to do with suppressions.
#[derive(Debug, Args)]
pub struct SuppressionsArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Which addresses of recipients are suppressed, why and until when.
    List,
    /// Write them into a file, one JSON object a line, as `import` takes it.
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Bring in a list: one JSON object a line, `{"address": …, "until": …}`. Exit 1 if a line was bad.
    Import {
        /// The file; at most 10,000 lines.
        file: PathBuf,
    },
    /// Send to an address again.
    Lift {
        /// The mail address.
        address: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(args: SuppressionsArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    match args.action {
        Action::List => list(&client, output).await,
        Action::Export { file } => export(&client, &file, output).await,
        Action::Import { file } => import(&client, &file, output).await,
        Action::Lift { address, reason } => {
            let body = json!({ "address": address, "reason": reason });
            let raw = client.send(Method::POST, "/v1/suppressions/lift", &body).await?;
            let facts = [("lifted", "/lifted"), ("unlisted", "/unlisted")];
            print_facts(output, &facts.map(|(name, path)| (name, text_at(&raw, path))), &raw);
            Ok(true)
        }
    }
}

/// What the API tells, line by line.
async fn lines(client: &Client) -> Result<String> {
    let response = client.request(Method::GET, "/v1/suppressions").send().await;
    let response = response.context("the API does not answer; is `waybill serve` running?")?;
    if !response.status().is_success() {
        answer(Ok(response)).await?;
        return Ok(String::new());
    }
    Ok(response.text().await?)
}

async fn list(client: &Client, output: Output) -> Result<bool> {
    let told = lines(client).await?;
    let rows = told.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let columns = ["/address", "/recipient", "/name", "/reason", "/until"];
    let table = rows.iter().map(|row| columns.iter().map(|column| text_at(row, column)).collect());
    let heads = ["address", "recipient", "name", "reason", "until"];
    print_rows(output, &heads, table.collect(), &json!({ "rows": rows }));
    Ok(true)
}

async fn export(client: &Client, file: &PathBuf, output: Output) -> Result<bool> {
    let told = lines(client).await?;
    std::fs::write(file, &told).with_context(|| file.display().to_string())?;
    let count = told.lines().count();
    let raw = json!({ "lines": count, "file": file.display().to_string() });
    print_facts(output, &[("lines", count.to_string())], &raw);
    Ok(true)
}

async fn import(client: &Client, file: &PathBuf, output: Output) -> Result<bool> {
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    let request = client.request(Method::POST, "/v1/suppressions");
    let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(text);
    let raw = answer(request.send().await).await?;
    let rejected = raw["rejected"].as_array().cloned().unwrap_or_default();
    let mut facts = ["lines", "listed", "suppressed"]
        .map(|name| (name, text_at(&raw, &format!("/{name}"))))
        .to_vec();
    let bad = rejected.iter().map(|bad| {
        ("rejected", format!("line {}: {}", text_at(bad, "/line"), text_at(bad, "/reason")))
    });
    facts.extend(bad);
    print_facts(output, &facts, &raw);
    Ok(rejected.is_empty())
}
