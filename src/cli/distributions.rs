//! `waybill distributions`: the completeness sums, proven from the log alone; who was served with what was corrected.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use reactors::Proof;
use serde_json::{Value, json};

use super::client::{Client, ClientArgs};
use super::output::{Output, print_facts, print_rows, say};
use super::subscriptions::rows_of;
use crate::boot;
use crate::config::Config;

/// What to do with distributions.
#[derive(Debug, Args)]
pub struct DistributionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prove that considered = planned + not planned and planned = outcomes + open, for every distribution of every
    /// tenant; exit 1 when a sum does not hold. Readiness and metrics tell of it until a later proof finds nothing.
    Reconcile,
    /// List who was served with a version, and whether what corrects it has reached them since, by the public API.
    Served {
        #[command(flatten)]
        client: ClientArgs,
        /// Which distribution.
        id: String,
        /// Only those that no correction has reached.
        #[arg(long)]
        not_reached: bool,
    },
}

/// Does what was asked for.
pub async fn run(file: Option<&Path>, args: DistributionsArgs, output: Output) -> Result<bool> {
    match args.action {
        Action::Reconcile => reconcile(&Config::load(file)?, output).await,
        Action::Served { client, id, not_reached } => {
            served(&Client::new(&client)?, &id, not_reached, output).await
        }
    }
}

/// Page after page, oldest last.
async fn served(client: &Client, id: &str, not_reached: bool, output: Output) -> Result<bool> {
    let filter = if not_reached { "&reached=false" } else { "" };
    let mut rows: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/distributions/{id}/served?limit=200{filter}{after}");
        let page = client.get(&path).await?;
        rows.extend(page["rows"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let raw = json!({ "distribution": id, "rows": rows });
    let columns = [
        "/recipient",
        "/channel",
        "/outcome",
        "/served_at",
        "/bounced_at",
        "/correction",
        "/corrected_at",
        "/delivery",
    ];
    let header = [
        "recipient",
        "channel",
        "outcome",
        "served at",
        "came back at",
        "correction",
        "corrected at",
        "delivery",
    ];
    print_rows(output, &header, rows_of(&raw, &columns), &raw);
    Ok(true)
}

async fn reconcile(config: &Config, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    let head = boot::safe_head(&ledger).await?;
    let bar = match output {
        Output::Table => ProgressBar::new_spinner(),
        Output::Json => ProgressBar::hidden(),
    };
    let (started, mut told) = (Instant::now(), Instant::now());
    let proof = Proof::of(&ledger, head, |read| {
        if told.elapsed() > Duration::from_millis(100) {
            told = Instant::now();
            let rate = read as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("{read} events, {rate:.0}/s"));
            bar.tick();
        }
    })
    .await?;
    bar.finish_and_clear();
    proof.keep(ledger.pool()).await?;
    let not_planned: u64 = proof.sums.not_planned.values().sum();
    let holds = proof.mismatch_count == 0;
    let facts = [
        ("as of position", proof.position.to_string()),
        ("distributions", proof.distributions.to_string()),
        ("reconciled", proof.reconciled.to_string()),
        ("due", proof.due.to_string()),
        (
            "considered",
            format!(
                "{} = {} planned + {not_planned} not",
                proof.sums.considered, proof.sums.planned
            ),
        ),
        (
            "planned",
            format!(
                "{} = {} closed + {} open",
                proof.scheduled,
                proof.outcomes.total(),
                proof.open
            ),
        ),
        ("resends", proof.resends.to_string()),
        ("verdict", if holds { "every sum holds" } else { "SUMS DO NOT HOLD" }.to_owned()),
    ];
    print_facts(output, &facts, &serde_json::to_value(&proof)?);
    for mismatch in &proof.mismatches {
        say(output, &mismatch.to_string());
    }
    Ok(holds)
}
