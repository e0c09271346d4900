//! `waybill projections`: how the read models stand, rebuild one from nothing, leave out an event.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use followers::{Checkpoints, RebuildOptions, RebuildReport, Rebuilder};
use indicatif::ProgressBar;
use schema::Position;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::keys;
use super::output::{Output, print_done, print_rows, say};
use crate::boot;
use crate::config::Config;

/// What to do with projections.
#[derive(Debug, Args)]
pub struct ProjectionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how far each follower is, and whether it stands still.
    Status,
    /// Fold the log anew beside the live tables and compare; exit 1 when they differed.
    Rebuild {
        /// Which; all with --all.
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
        /// Only compare: leave the live tables as they are even when they differ.
        #[arg(long)]
        compare_only: bool,
    },
    /// Let a follower leave out the event it stands still at. The decision is an event itself.
    Skip {
        /// Which follower.
        name: String,
        /// The event, as `status` names it.
        #[arg(long)]
        position: i64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(config: &Config, args: ProjectionsArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::Status => status(&Checkpoints::new(ledger), output).await,
        Action::Rebuild { name, compare_only, .. } => {
            let owner = config.database.owner_url.as_ref();
            let owner = owner.context("database.owner_url: must be set to rebuild")?;
            let rebuilder = Rebuilder::new(ledger, owner.expose_secret().parse()?);
            let options = RebuildOptions { swap: !compare_only, ..RebuildOptions::default() };
            rebuild(&rebuilder, name.as_deref().unwrap_or("all"), options, output).await
        }
        Action::Skip { name, position, reason } => {
            let recording = keys::skip_event(&ledger, &name, Position(position), reason.clone());
            followers::skip(&ledger, &name, Position(position), recording).await?;
            let raw = json!({ "follower": name, "skipped": position, "reason": reason });
            let sentence = format!("{name} leaves out event {position}; the decision is on record");
            print_done(output, &sentence, &raw);
            Ok(true)
        }
    }
}

async fn status(checkpoints: &Checkpoints, output: Output) -> Result<bool> {
    let all = checkpoints.status().await?;
    let rows = all
        .iter()
        .map(|one| {
            let state = match (&one.poison, &one.trouble) {
                (Some(at), _) => format!("stands still at {}: {}", at.position, at.error),
                (None, Some(trouble)) => format!("waits: {trouble}"),
                (None, None) if one.is_running => "runs".to_owned(),
                (None, None) => "rests".to_owned(),
            };
            vec![
                one.name.clone(),
                one.position.to_string(),
                one.lag.to_string(),
                format!("{:.0}", one.events_per_second),
                one.node.clone().unwrap_or_default(),
                one.heartbeat_age_ms.map_or_else(String::new, |age| format!("{age} ms")),
                state,
            ]
        })
        .collect();
    let header = ["follower", "position", "lag", "events/s", "node", "heartbeat", "state"];
    print_rows(output, &header, rows, &serde_json::to_value(&all)?);
    Ok(all.iter().all(|one| one.poison.is_none() && one.trouble.is_none()))
}

async fn rebuild(
    rebuilder: &Rebuilder,
    name: &str,
    options: RebuildOptions,
    output: Output,
) -> Result<bool> {
    let bar = match output {
        Output::Table => ProgressBar::new_spinner(),
        Output::Json => ProgressBar::hidden(),
    };
    let mut told = Instant::now();
    let mut tell = |progress: followers::RebuildProgress| {
        if told.elapsed() > Duration::from_millis(100) {
            told = Instant::now();
            bar.set_message(format!(
                "{}: {} events, {:.0}/s, at {} of {}",
                progress.name,
                progress.events,
                progress.events_per_second,
                progress.position,
                progress.target
            ));
            bar.tick();
        }
    };
    let stop = CancellationToken::new();
    let reports = tokio::select! {
        reports = rebuilder.rebuild(name, options, &mut tell, &stop) => reports?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped; the live tables are as they were"),
    };
    bar.finish_and_clear();
    print(&reports, output)
}

fn print(reports: &[RebuildReport], output: Output) -> Result<bool> {
    let equal = reports.iter().all(RebuildReport::is_equal);
    let rows = reports
        .iter()
        .map(|report| {
            vec![
                report.name.to_owned(),
                report.position.to_string(),
                report.live_digest.to_string()[..16].to_owned(),
                report.rebuilt_digest.to_string()[..16].to_owned(),
                if report.is_equal() { "equal" } else { "DIFFERENT" }.to_owned(),
                report.events.to_string(),
                format!("{:.0}", report.events as f64 / report.seconds.max(0.001)),
            ]
        })
        .collect();
    let raw: Value = json!({ "equal": equal, "reports": reports });
    let header = ["projection", "position", "live", "rebuilt", "digests", "events", "events/s"];
    print_rows(output, &header, rows, &raw);
    for report in reports.iter().filter(|report| !report.is_equal()) {
        for difference in &report.differences {
            say(output, &format!("{}: {difference}", report.name));
        }
        if report.swapped {
            say(output, &format!("{}: the rebuilt tables are live now", report.name));
        }
    }
    Ok(equal)
}
