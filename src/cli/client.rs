//! A client of Waybill's own public API: what the command line does, any program could.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

/// An idle connection is let go well before the server closes it (`api.header_timeout_ms`, 10 s): a request that met
/// the closing would get no answer.
const IDLE: Duration = Duration::from_secs(5);

/// Where the API is, and as whom to call it.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// Address of a running `waybill serve`.
    #[arg(long, global = true, env = "WAYBILL_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// API key (`wb_…`).
    #[arg(long, global = true, env = "WAYBILL_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// The API's answer where it is no success.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct Refused {
    /// What it comes to, for a person.
    said: String,
    /// The answer itself.
    pub answer: Value,
}

/// A connection to the API.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    /// A client for the given address and key.
    pub fn new(args: &ClientArgs) -> Result<Self> {
        let key = args.key.clone().context("no API key: give --key or set WAYBILL_KEY")?;
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE).build()?;
        Ok(Self { http, url: args.url.trim_end_matches('/').to_owned(), key })
    }

    /// A request to `path`, with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
    }

    /// Reads `path`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        answer(self.request(Method::GET, path).send().await).await
    }

    /// Sends `body` to `path`.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        answer(self.request(method, path).json(body).send().await).await
    }

    /// Asks GraphQL.
    pub async fn graphql(&self, query: &str, variables: Value) -> Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        let answer = self.send(Method::POST, "/graphql", &body).await?;
        if let Some(errors) = answer.get("errors") {
            let said = format!("GraphQL says: {errors}");
            return Err(Refused { said, answer }.into());
        }
        Ok(answer.get("data").cloned().unwrap_or_default())
    }
}

/// The body of an answer, or an error that a person can act on.
pub async fn answer(response: reqwest::Result<Response>) -> Result<Value> {
    let response = response.context("the API does not answer; is `waybill serve` running?")?;
    let status = response.status();
    let text = response.text().await?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if status.is_success() {
        return Ok(body);
    }
    let part = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (title, detail) = (part("title"), part("detail"));
    let said = format!("{status}: {title}{}{detail}", if detail.is_empty() { "" } else { ": " });
    Err(Refused { said, answer: body }.into())
}
