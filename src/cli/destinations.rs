//! `waybill destinations`: how webhooks are sent to, by the public API.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, ClientArgs};
use super::output::{Output, print_facts, text_at};

/// What to do with a webhook.
#[derive(Debug, Args)]
pub struct DestinationsArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

/// A webhook, as the address of a recipient.
#[derive(Debug, Args)]
struct Webhook {
    /// Pseudonym of the recipient.
    recipient: String,
    /// Name of its address.
    address: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Payload, signatures, names of headers, and the public key that verifies v1a signatures.
    Show(Webhook),
    /// Set how it is sent to, as a whole.
    Set {
        #[command(flatten)]
        webhook: Webhook,
        /// full or thin.
        #[arg(long, default_value = "full")]
        payload: String,
        /// v1, v1a or both.
        #[arg(long, default_value = "v1")]
        signing: String,
        /// A file with headers to send along, as a JSON object; null keeps a value as it is.
        #[arg(long)]
        headers_file: Option<PathBuf>,
    },
    /// Have it be shown a client certificate, from PEM files.
    Certificate {
        #[command(flatten)]
        webhook: Webhook,
        /// The certificate, and after it those that lead to the root.
        #[arg(long)]
        cert_file: PathBuf,
        /// Its private key.
        #[arg(long)]
        key_file: PathBuf,
    },
    /// Give it other keys. The secret is shown once.
    Rotate {
        #[command(flatten)]
        webhook: Webhook,
        /// For how many seconds the keys before sign, too: 0 to 2,592,000.
        #[arg(long, default_value_t = 86_400)]
        overlap_s: u32,
    },
    /// Send it a signed test event, which is no delivery, and say what came back. Exit 1 unless it took it.
    Test(Webhook),
}

impl Webhook {
    fn path(&self, verb: &str) -> String {
        format!("/v1/recipients/{}/addresses/{}/webhook{verb}", self.recipient, self.address)
    }
}

/// Does what was asked for.
pub async fn run(args: DestinationsArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    match args.action {
        Action::Show(webhook) => {
            let raw = client.get(&webhook.path("")).await?;
            told(
                output,
                &[
                    "payload",
                    "signing",
                    "headers",
                    "public_key",
                    "overlap_until",
                    "certificate_expires_at",
                ],
                &raw,
            );
            Ok(true)
        }
        Action::Set { webhook, payload, signing, headers_file } => {
            let headers = headers(headers_file).await?;
            let body = json!({ "payload": payload, "signing": signing, "headers": headers });
            let raw = client.send(Method::PUT, &webhook.path(""), &body).await?;
            told(output, &["recipient", "address"], &raw);
            Ok(true)
        }
        Action::Certificate { webhook, cert_file, key_file } => {
            let certificate = text_of(&cert_file).await?;
            let body = json!({ "certificate": certificate, "key": text_of(&key_file).await? });
            let raw = client.send(Method::PUT, &webhook.path("/certificate"), &body).await?;
            told(output, &["recipient", "address"], &raw);
            Ok(true)
        }
        Action::Rotate { webhook, overlap_s } => {
            let body = json!({ "overlap_s": overlap_s });
            let raw = client.send(Method::POST, &webhook.path("/rotate"), &body).await?;
            told(output, &["secret", "public_key", "overlap_until"], &raw);
            Ok(true)
        }
        Action::Test(webhook) => {
            let raw = client.send(Method::POST, &webhook.path("/test"), &json!({})).await?;
            told(output, &["ok", "status", "code", "reply", "elapsed_ms", "webhook_id"], &raw);
            Ok(raw["ok"] == json!(true))
        }
    }
}

async fn headers(file: Option<PathBuf>) -> Result<Value> {
    let Some(file) = file else { return Ok(json!({})) };
    let text = text_of(&file).await?;
    // The parser's own words could hold a value.
    let read = serde_json::from_str(&text).ok().filter(Value::is_object);
    read.with_context(|| format!("headers-file: {} must be a JSON object", file.display()))
}

async fn text_of(file: &Path) -> Result<String> {
    let text = tokio::fs::read_to_string(file).await;
    text.with_context(|| format!("{} cannot be read", file.display()))
}

fn told(output: Output, names: &[&'static str], raw: &Value) {
    let facts: Vec<(&str, String)> = names
        .iter()
        .filter(|name| raw.get(**name).is_some())
        .map(|name| (*name, text_at(raw, &format!("/{name}"))))
        .collect();
    print_facts(output, &facts, raw);
}
