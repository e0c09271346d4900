//! `waybill health`: whether a node answers, for a container that has no shell to ask with.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::client::answer;
use super::output::{Output, print_done};

/// Whom to ask.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Address of a running `waybill serve`, or of its `api.ops_bind`.
    #[arg(long, env = "WAYBILL_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Asks without a key. A node that is held or behind is alive all the same: that `/readyz` tells.
pub async fn run(args: HealthArgs, output: Output) -> Result<bool> {
    let url = args.url.trim_end_matches('/');
    let http = reqwest::Client::builder().no_proxy().build()?;
    let told = answer(http.get(format!("{url}/healthz")).send().await).await?;
    print_done(output, &format!("{url} is alive"), &json!({ "url": url, "answer": told }));
    Ok(true)
}
