//! `waybill distributions`: the completeness sums, proven from the log alone.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use reactors::Proof;

use super::output::{Output, print_facts, say};
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
}

/// Does what was asked for.
pub async fn run(config: &Config, args: DistributionsArgs, output: Output) -> Result<bool> {
    let Action::Reconcile = args.action;
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
