use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use export::Manifest;
use followers::{Checkpoints, Mirror};
use reactors::Proof;
use schema::Position;

use super::say;
use super::stage::Stage;
use crate::cli::mirror;

/// How long mirror and export may take to reach the log's end.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Compares what is derived from the log up to `head` for other systems with the log: the mirror on Kafka, the export
/// as Parquet. Says what came out.
pub async fn compare(stage: &Stage, head: Position) -> Result<bool> {
    let mirrored = compare_mirror(stage, head).await?;
    Ok(compare_export(stage, head).await? && mirrored)
}

async fn compare_mirror(stage: &Stage, head: Position) -> Result<bool> {
    let name = Mirror::follower_of(&stage.config.mirror);
    let checkpoints = Checkpoints::new(Arc::clone(&stage.ledger));
    checkpoints.await_position(&[&name], head, PATIENCE).await?;
    let view = mirror::view(&stage.ledger, &stage.config)?;
    let found = view.verify(Arc::new(|_, _| {})).await?;
    for difference in found.differences.iter().take(10) {
        say(&difference.to_string());
    }
    say(&format!(
        "Mirror: the topics {}.* on Kafka, read again up to position {}, and the log's {} events: {}",
        stage.config.mirror.name,
        found.through,
        found.events,
        if found.equal { "EQUAL" } else { "NOT EQUAL" }
    ));
    Ok(found.equal && found.through >= head)
}

async fn compare_export(stage: &Stage, head: Position) -> Result<bool> {
    let block = u64::from(stage.config.export.block_events);
    let manifest = Manifest::new(stage.ledger.pool().clone());
    let caught_up = soon(async || {
        let through = manifest.read(None).await?.through;
        Ok(stage.ledger.count_between(through, head).await? < block)
    });
    let caught_up = caught_up.await?;
    let found = export::verify(&stage.ledger, &stage.config.export).await?;
    for finding in found.findings.iter().take(10) {
        say(&format!("{}: {}", finding.path, finding.problem));
    }
    let exact = caught_up && found.is_exact() && found.files > 0;
    say(&format!(
        "Export: {} Parquet files, {} KB, {} of the log's {} events up to position {}; bytes, SHA-256 and rows as the \
         manifest says: {}",
        found.files,
        found.bytes / 1_024,
        found.events,
        found.logged,
        found.through,
        if exact { "EXACT" } else { "NOT EXACT" }
    ));
    Ok(exact)
}

/// Proves the completeness sums from the log alone, and says what came out.
pub async fn prove_sums(stage: &Stage, head: Position) -> Result<(bool, Proof)> {
    let proof = Proof::of(&stage.ledger, head, |_| {}).await?;
    for mismatch in proof.mismatches.iter().take(10) {
        say(&mismatch.to_string());
    }
    let not_planned: u64 = proof.sums.not_planned.values().sum();
    let holds = proof.mismatch_count == 0 && proof.open == 0 && proof.due == 0;
    say(&format!(
        "Sums over all distributions, from the log alone up to position {}: considered {} = planned {} + not planned \
         {not_planned}; planned {} = closed {} + open {}: {}",
        proof.position,
        proof.sums.considered,
        proof.sums.planned,
        proof.scheduled,
        proof.outcomes.total(),
        proof.open,
        if holds { "PROVEN" } else { "NOT PROVEN" }
    ));
    Ok((holds, proof))
}

/// Asks until it is so; false when it was not in time.
async fn soon<F: Future<Output = Result<bool>>>(mut ask: impl FnMut() -> F) -> Result<bool> {
    let started = Instant::now();
    while !ask().await? {
        if started.elapsed() > PATIENCE {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(true)
}
