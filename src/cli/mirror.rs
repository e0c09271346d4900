//! `waybill mirror`: how the log's mirror on Kafka stands, and whether it holds what the ledger does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use followers::{
    Backfill, BackfillOrder, Checkpoints, FollowerStatus, Mirror, MirrorStatus, MirrorView, Tell,
    Verification,
};
use indicatif::ProgressBar;
use rdkafka::ClientConfig;
use schema::{AggregateType, Position};
use serde_json::json;
use store::{Ledger, Tail, TailConfig};
use tokio_util::sync::CancellationToken;

use super::output::{Output, print_done, print_facts, print_rows, say};
use crate::boot;
use crate::config::Config;

/// What to do with the mirror.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how far it is, where it runs, and what its topics hold.
    Status,
    /// Read its topics again and compare them with the ledger; exit 1 when they differ.
    Verify,
    /// Write the log once more, to a topic of its own: for a consumer that needs what retention has taken. Broken off,
    /// the same again goes on.
    Backfill {
        /// Which topic; made when it is not there.
        #[arg(long)]
        topic: String,
        /// Only events behind this position.
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// Only streams of these kinds, separated by commas; all of them when absent.
        #[arg(long, value_delimiter = ',')]
        aggregates: Vec<String>,
    },
}

/// Does what was asked for.
pub async fn run(config: &Config, args: MirrorArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    let view = view(&ledger, config)?;
    match args.action {
        Action::Status => {
            let name = Mirror::follower_of(&config.mirror);
            let all = Checkpoints::new(ledger).status().await?;
            let follower = all.into_iter().find(|follower| follower.name == name);
            status(&view.status().await?, follower.as_ref(), output)
        }
        Action::Verify => {
            let bar = bar(output);
            let verified = view.verify(told_by(&bar)).await;
            bar.finish_and_clear();
            print_verified(&verified?, output)
        }
        Action::Backfill { topic, after, aggregates } => {
            let kinds =
                aggregates.iter().map(|kind| kind.parse()).collect::<Result<Vec<_>, _>>()?;
            let kinds = if kinds.is_empty() { AggregateType::ALL.to_vec() } else { kinds };
            let order = BackfillOrder { after: Position(after), kinds };
            let backfill = Backfill::new(&ledger, &config.mirror, client(config)?, topic, order);
            backfill_through(&ledger, &backfill, output).await
        }
    }
}

async fn backfill_through(
    ledger: &Arc<Ledger>,
    backfill: &Backfill,
    output: Output,
) -> Result<bool> {
    let stop = CancellationToken::new();
    // The tail knows up to where the log is complete.
    let tail = Tail::start(ledger, TailConfig::default(), stop.clone()).await?;
    let through = *tail.head().borrow();
    let bar = bar(output);
    let running = backfill.run(through, told_by(&bar), &stop);
    tokio::pin!(running);
    let done = tokio::select! {
        done = &mut running => done,
        _ = tokio::signal::ctrl_c() => {
            stop.cancel();
            running.await
        }
    };
    bar.finish_and_clear();
    stop.cancel();
    let done = done.context("the same again goes on from what was committed")?;
    let sentence = format!(
        "{}: {} events written after event {}, up to {}",
        done.topic, done.events, done.after, done.position
    );
    print_done(output, &sentence, &serde_json::to_value(&done)?);
    Ok(true)
}

/// The mirror from outside.
pub fn view(ledger: &Arc<Ledger>, config: &Config) -> Result<MirrorView> {
    Ok(MirrorView::new(ledger, &config.mirror, client(config)?))
}

fn client(config: &Config) -> Result<ClientConfig> {
    let there = (!config.kafka.brokers.is_empty()).then_some(());
    there.context("kafka.brokers: must be set to speak of the mirror")?;
    Ok(intake::kafka::client(&config.kafka))
}

/// Shows progress to people.
pub fn bar(output: Output) -> ProgressBar {
    let bar = match output {
        Output::Table => ProgressBar::new_spinner(),
        Output::Json => ProgressBar::hidden(),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Tells a bar what is being read.
pub fn told_by(bar: &ProgressBar) -> Tell {
    let bar = bar.clone();
    Arc::new(move |what, count| bar.set_message(format!("{what}: {count} events read")))
}

fn status(
    status: &MirrorStatus,
    follower: Option<&FollowerStatus>,
    output: Output,
) -> Result<bool> {
    let running = match follower {
        Some(FollowerStatus { is_running: true, node: Some(node), .. }) => format!("on {node}"),
        Some(FollowerStatus { node: Some(node), .. }) => format!("nowhere, last on {node}"),
        _ => "nowhere yet".to_owned(),
    };
    let trouble = follower.and_then(|follower| {
        let poison = follower.poison.as_ref().map(|poison| poison.error.clone());
        poison.or_else(|| follower.trouble.clone())
    });
    let lag_ms = follower.map_or(0, |follower| follower.lag_ms);
    let mut facts = vec![("mirror", status.name.clone()), ("runs", running)];
    match &status.checkpoint {
        None => facts.push(("checkpoint", "none: nothing was mirrored yet".to_owned())),
        Some(mark) => {
            facts.push(("checkpoint", mark.position.to_string()));
            facts.push(("its hash", mark.hash.to_string()));
            facts.push(("written at", mark.written_at.to_string()));
            if !mark.is_in_ledger {
                let other = "no: an older backup was restored, or this is another database";
                facts.push(("in this ledger", other.to_owned()));
            }
        }
    }
    facts.push(("ledger's head", status.head.to_string()));
    facts.push(("lag", format!("{} events, {:.1} s", status.lag, lag_ms as f64 / 1_000.0)));
    facts.extend(trouble.clone().map(|trouble| ("trouble", trouble)));
    let raw = json!({ "mirror": status, "follower": follower });
    print_facts(output, &facts, &raw);
    if output == Output::Table {
        let rows = status.topics.iter().flat_map(|topic| {
            topic.partitions.iter().enumerate().map(|(at, partition)| {
                vec![
                    topic.topic.clone(),
                    at.to_string(),
                    partition.begin.to_string(),
                    partition.end.to_string(),
                    partition.written.to_string(),
                ]
            })
        });
        let header = ["topic", "partition", "begins", "ends", "written up to"];
        print_rows(output, &header, rows.collect(), &raw);
    }
    let is_in_ledger = status.checkpoint.as_ref().is_none_or(|mark| mark.is_in_ledger);
    Ok(trouble.is_none() && is_in_ledger)
}

fn print_verified(verified: &Verification, output: Output) -> Result<bool> {
    if output == Output::Json {
        print_rows(output, &[], Vec::new(), &serde_json::to_value(verified)?);
    }
    for retained in &verified.retained {
        let from = match retained.from {
            Some(position) => format!("from event {position} on"),
            None => "not at all: it holds nothing any more".to_owned(),
        };
        let (topic, partition) = (&retained.topic, retained.partition);
        say(output, &format!("retention: {topic} partition {partition} is compared {from}"));
    }
    for difference in &verified.differences {
        say(output, &difference.to_string());
    }
    if verified.not_looked_into > 0 {
        let count = verified.not_looked_into;
        say(output, &format!("{count} more windows of positions differ and were not looked into"));
    }
    let verdict = if verified.equal { "equal" } else { "DIFFERENT" };
    let sentence = format!(
        "mirror and ledger are {verdict}: {} events compared up to {}",
        verified.events, verified.through
    );
    say(output, &sentence);
    Ok(verified.equal)
}
