use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::PgPool;

use super::told::Told;
use super::{NodeConfig, Scene};

/// The mirror's name.
pub const MIRROR: &str = "soak";
/// Events in a block of the export.
const BLOCK_EVENTS: i64 = 5_000;
/// How long mirror and export may take to reach the log's end once nothing is sent any more.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(120);

/// Events of the log that the mirror has not got, and such that no block of the export has.
const BEHIND: &str = "select count(*) filter (where position > \
     coalesce((select position from checkpoints where name = $1), 0)), count(*) filter (where position > \
     coalesce((select max(through) from export_blocks), 0)) from events";

/// One thing that must hold when all is over.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was compared.
    pub what: &'static str,
    /// By whom.
    pub by: String,
    /// What came out.
    pub found: String,
    /// Whether it is as promised.
    pub holds: bool,
}

/// The settings that make a node mirror the log to the scene's brokers and export it.
#[must_use]
pub fn settings(scene: &Scene, directory: &Path) -> Vec<(String, String)> {
    [
        ("WAYBILL_KAFKA__BROKERS", scene.brokers.clone()),
        ("WAYBILL_MIRROR__ENABLED", "true".to_owned()),
        ("WAYBILL_MIRROR__NAME", MIRROR.to_owned()),
        ("WAYBILL_EXPORT__ENABLED", "true".to_owned()),
        ("WAYBILL_EXPORT__FOLDER", directory.join("export").display().to_string()),
        ("WAYBILL_EXPORT__BLOCK_EVENTS", BLOCK_EVENTS.to_string()),
        ("WAYBILL_FOLLOWERS__RETRY_CAP_MS", "1000".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Waits until the mirror is at the log's end and the export less than a block before it; how long it took.
///
/// # Errors
/// When they do not come there.
pub async fn await_caught_up(pool: &PgPool) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let behind = sqlx::query_as(BEHIND).bind(format!("mirror-{MIRROR}")).fetch_one(pool);
        let (mirror, export): (i64, i64) = behind.await?;
        if mirror == 0 && export < BLOCK_EVENTS {
            return Ok(started.elapsed());
        }
        let late = started.elapsed() >= CAUGHT_UP_WITHIN;
        ensure!(
            !late,
            "after {CAUGHT_UP_WITHIN:?} mirror and export lack {mirror} and {export} events"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Compares everything that is derived from the log with it, once no node runs any more.
///
/// # Errors
/// When something cannot be compared at all.
pub async fn look(scene: &Scene, config: &NodeConfig) -> Result<Vec<Finding>> {
    let told = Told::read(scene, &config.database, MIRROR).await?;
    let mut findings = vec![told_finding(&told)];
    type Say = fn(&Value) -> String;
    let own: [(&'static str, &[&str], Say); 4] = [
        ("mirror = log", &["mirror", "verify"], mirror),
        ("export = manifest = log", &["export", "verify"], export),
        ("projections = log", &["projections", "rebuild", "--all", "--compare-only"], projections),
        ("sums of distributions", &["distributions", "reconcile"], sums),
    ];
    for (what, words, say) in own {
        let (answer, holds) = config.ask(words)?;
        let by = format!("waybill {}", words.join(" "));
        findings.push(Finding { what, by, found: say(&answer), holds });
    }
    Ok(findings)
}

fn told_finding(told: &Told) -> Finding {
    let Told { stored, told: found, partitions, lost, twice, strange, altered, disorder } = *told;
    Finding {
        what: "Kafka, read_committed = log",
        by: "aiokafka and SQL over events".to_owned(),
        found: format!(
            "{found} on {partitions} partitions of {stored} stored: lost {lost}, twice {twice}, not in the log \
             {strange}, other bytes {altered}, out of order {disorder}"
        ),
        holds: told.is_exact(),
    }
}

fn mirror(answer: &Value) -> String {
    let count = answer["differences"].as_array().map_or(0, Vec::len);
    format!("{} events up to {}, {count} differences", answer["events"], answer["through"])
}

fn export(answer: &Value) -> String {
    let count = answer["findings"].as_array().map_or(0, Vec::len);
    let (files, events, logged) = (&answer["files"], &answer["events"], &answer["logged"]);
    format!("{files} files, {events} of {logged} events, {count} damaged")
}

fn projections(answer: &Value) -> String {
    let reports = answer["reports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let equal = reports.iter().filter(|report| report["live_digest"] == report["rebuilt_digest"]);
    format!("{} of {} digests equal", equal.count(), reports.len())
}

fn sums(answer: &Value) -> String {
    format!(
        "{} distributions, {} of {} planned deliveries closed, {} sums do not hold",
        answer["distributions"],
        answer["outcomes"]
            .as_object()
            .map_or(0, |all| all.values().filter_map(Value::as_u64).sum()),
        answer["scheduled"],
        answer["mismatch_count"]
    )
}
