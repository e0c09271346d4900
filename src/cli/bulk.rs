//! `waybill subscriptions import | export`: by the thousand, as lines of JSON or CSV. The file is streamed both ways.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use reqwest::{Body, Method, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt, stdout};

use super::client::{Client, answer};
use super::output::{Output, print_facts, print_rows, text_at};

const PATH: &str = "/v1/bulk/subscriptions";

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    /// A JSON object each.
    #[default]
    Ndjson,
    /// Cells behind a header.
    Csv,
}

/// Which file.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Lines of JSON, or CSV where its name ends so.
    file: PathBuf,
    /// Carry out lines that were carried out before: without, importing the same file again does nothing.
    #[arg(long)]
    again: bool,
}

/// How they are written.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    lines: Lines,
}

/// Sends the file; false when a line was bad.
pub async fn import(client: &Client, args: &ImportArgs, output: Output) -> Result<bool> {
    let file = &args.file;
    let media = match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => "text/csv",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => bail!("{}: its name must end with .ndjson, .jsonl or .csv", file.display()),
    };
    let mut request = client.request(Method::POST, PATH).header(header::CONTENT_TYPE, media);
    if !args.again {
        request = request.header("Idempotency-Key", format!("import-{}", digest(file).await?));
    }
    let opened = File::open(file).await.with_context(|| file.display().to_string())?;
    let raw = answer(request.body(Body::from(opened)).send().await).await?;
    let counted = ["lines", "subscribed", "changed", "unchanged", "repeated", "bad"];
    let facts = counted.map(|name| (name, text_at(&raw, &format!("/{name}"))));
    print_facts(output, &facts, &raw);
    let bad = raw["bad_lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    if output == Output::Table && !bad.is_empty() {
        let columns = ["/line", "/field", "/value", "/rule"];
        let told = |line: &Value| columns.iter().map(|column| text_at(line, column)).collect();
        let rows = bad.iter().map(told).collect();
        print_rows(output, &["line", "field", "value", "rule"], rows, &raw);
    }
    Ok(raw["bad"] == 0)
}

/// Of what the file holds: the same file is the same request.
async fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).await.with_context(|| path.display().to_string())?;
    let (mut hasher, mut part) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let count = file.read(&mut part).await.with_context(|| path.display().to_string())?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&part[..count]);
    }
}

/// Writes every subscription that has not ended to standard output, as it comes.
pub async fn export(client: &Client, args: &ExportArgs) -> Result<()> {
    let form = if args.lines == Lines::Csv { "csv" } else { "ndjson" };
    let response = client.request(Method::GET, &format!("{PATH}?format={form}")).send().await;
    let mut response = match response {
        Ok(response) if response.status().is_success() => response,
        other => return answer(other).await.map(drop),
    };
    let mut out = stdout();
    while let Some(part) = response.chunk().await.context("the export broke off")? {
        out.write_all(&part).await?;
    }
    Ok(out.flush().await?)
}
