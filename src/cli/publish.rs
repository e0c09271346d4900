//! `waybill publish`: a report version from files, by the public API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use reqwest::{Method, multipart};
use schema::Format;
use serde_json::{Value, json};
use tokio::fs::File;

use super::client::{Client, ClientArgs, answer};
use super::output::{Output, print_facts, text_at};

/// What to publish.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Which report.
    report: String,
    /// Which version of it.
    version: String,
    /// The files, each named as the recipient will see it.
    #[arg(long = "file")]
    files: Vec<PathBuf>,
    /// Which of the files, by name, is its data frame: a CSV or Parquet file.
    #[arg(long)]
    frame: Option<String>,
    /// What the version says of itself, as `name=value`; numbers, true and false are taken as such.
    #[arg(long = "attribute", value_parser = attribute)]
    attributes: Vec<(String, Value)>,
    /// The version this one corrects.
    #[arg(long)]
    corrects: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

fn attribute(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("must be name=value")?;
    let value = match value {
        "true" | "false" => Value::Bool(value == "true"),
        text => text.parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
    };
    Ok((name.to_owned(), value))
}

/// Publishes, and says which distribution it is.
pub async fn run(args: PublishArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    let raw = publish(&client, &args).await?;
    let facts = [
        ("distribution", text_at(&raw, "/distribution")),
        ("position", text_at(&raw, "/position")),
        ("repeated", text_at(&raw, "/repeated")),
    ];
    print_facts(output, &facts, &raw);
    Ok(true)
}

async fn publish(client: &Client, args: &PublishArgs) -> Result<Value> {
    let attributes: BTreeMap<_, _> = args.attributes.iter().cloned().collect();
    let mut artifacts = Vec::new();
    for file in &args.files {
        artifacts.push(json!({ "name": name_of(file)?, "format": format_of(file).as_str() }));
    }
    let mut manifest = json!({
        "report": args.report,
        "version": args.version,
        "attributes": attributes,
        "artifacts": artifacts,
    });
    if let Some(corrects) = &args.corrects {
        manifest["corrects"] = json!(corrects);
    }
    if let Some(frame) = &args.frame {
        manifest["frame"] = json!(frame);
    }
    upload(client, &manifest, &args.files).await
}

/// Sends a manifest and its files as one request; files are read as they are sent.
pub async fn upload(client: &Client, manifest: &Value, files: &[PathBuf]) -> Result<Value> {
    let mut form = multipart::Form::new()
        .part("report", multipart::Part::text(manifest.to_string()).mime_str("application/json")?);
    for file in files {
        let name = name_of(file)?;
        let opened = File::open(file).await.with_context(|| file.display().to_string())?;
        let found = opened.metadata().await?;
        ensure!(found.is_file(), "{}: is no file", file.display());
        let part = multipart::Part::stream_with_length(opened, found.len()).file_name(name.clone());
        form = form.part(name, part.mime_str(format_of(file).media_type())?);
    }
    answer(client.request(Method::POST, "/v1/reports").multipart(form).send().await).await
}

fn name_of(file: &Path) -> Result<String> {
    match file.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(name.to_owned()),
        None => bail!("{}: the file has no name that can be sent", file.display()),
    }
}

/// The format a file's ending stands for.
pub fn format_of(file: &Path) -> Format {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending {
        "txt" => Format::Text,
        "htm" => Format::Html,
        other => other.parse().unwrap_or(Format::Binary),
    }
}
