use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use schema::{Metadata, StreamId};
use sqlx::PgPool;
use store::{Append, Ledger, Tail, TailConfig, TailStep, Unit};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::append::{attempt_started, delivery, metadata};
use super::meter::Meter;
use super::server::Server;
use super::spread::{Spread, open_loop};
use super::{Bench, Figure, Verdict};

const EVENTS_PER_S: u64 = 20_000;
/// Events of one unit; a unit is one caller's.
pub(super) const UNIT_EVENTS: usize = 10;
/// How long the unrelated transaction holds what it wrote.
const HELD: Duration = Duration::from_secs(2);
/// How long the tail may take to see the last event.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// When the tail saw each stream.
pub(super) type Sightings = Arc<Mutex<HashMap<String, Instant>>>;

/// Follows the tail from now on.
struct Watcher {
    seen: Sightings,
    stop: CancellationToken,
    watching: JoinHandle<()>,
}

impl Watcher {
    async fn start(ledger: &Arc<Ledger>) -> Result<Self> {
        let (seen, stop) = (Sightings::default(), CancellationToken::new());
        let tail = Tail::start(ledger, TailConfig::default(), stop.clone()).await?;
        let mut subscription = tail.subscribe();
        let noted = Arc::clone(&seen);
        let watching = tokio::spawn(async move {
            while let TailStep::Batch(batch) = subscription.next().await {
                let now = Instant::now();
                let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                noted.extend(batch.rows.iter().map(|row| (row.aggregate_id.clone(), now)));
            }
        });
        Ok(Self { seen, stop, watching })
    }

    async fn end(self, count: usize) -> Result<HashMap<String, Instant>> {
        let began = Instant::now();
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen().len() < count {
            anyhow::ensure!(
                began.elapsed() < SEEN_WITHIN,
                "the tail saw {} of {count}",
                seen().len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.stop.cancel();
        self.watching.await?;
        let all = std::mem::take(&mut *seen());
        Ok(all)
    }
}

/// A unit's first stream, when its append was called, when it was acknowledged.
pub(super) type Sent = (String, Instant, Instant);

pub(super) async fn append(ledger: Arc<Ledger>, metadata: Metadata) -> Result<Sent> {
    let append = |_| Append {
        stream: StreamId::delivery(delivery()),
        expected: 0,
        events: vec![attempt_started().into()],
    };
    let appends: Vec<Append> = (0..UNIT_EVENTS).map(append).collect();
    let first = appends.first().context("an empty unit")?.stream.aggregate_id.clone();
    let called = Instant::now();
    ledger.append(Unit { appends, ..Unit::new(metadata) }).await?;
    Ok((first, called, Instant::now()))
}

/// From the call of append, and from its acknowledgement, until the tail hands the event on.
async fn latencies(ledger: &Arc<Ledger>, seconds: u64) -> Result<(Spread, Spread)> {
    let watcher = Watcher::start(ledger).await?;
    let metadata = metadata()?;
    let rate = EVENTS_PER_S / UNIT_EVENTS as u64;
    let sent = open_loop(rate, seconds, |_| append(Arc::clone(ledger), metadata.clone())).await;
    let sent: Vec<Sent> = sent.into_iter().collect::<Result<_>>()?;
    let seen = watcher.end(sent.len() * UNIT_EVENTS).await?;
    let (mut from_call, mut from_answer) = (Vec::new(), Vec::new());
    for (stream, called, answered) in sent {
        let at = seen.get(&stream).context("an event the tail did not see")?;
        from_call.push(at.duration_since(called));
        from_answer.push(at.saturating_duration_since(answered));
    }
    Ok((Spread::of(from_call), Spread::of(from_answer)))
}

/// Writes to a table of its own and holds the transaction open, again and again.
async fn hold_transactions(pool: PgPool, stop: CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        let mut transaction = pool.begin().await?;
        let insert = "insert into unrelated select g from generate_series(1, 1000) g";
        sqlx::query(insert).execute(&mut *transaction).await?;
        tokio::select! {
            () = tokio::time::sleep(HELD) => {}
            () = stop.cancelled() => {}
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// Append to tail at a paced rate, alone and beside a long transaction that does not touch the log.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.scene.database("bench_tail").await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let owner = database.owner_pool(2).await?;
    sqlx::query("create table unrelated (n bigint)").execute(&owner).await?;
    let seconds = bench.seconds(15);
    latencies(&ledger, 2).await?; // connections are made, plans are cached

    let meter = Meter::start(&server, None).await?;
    let (alone, alone_answered) = latencies(&ledger, seconds).await?;
    let usage = meter.read().await?;
    let stop = CancellationToken::new();
    let holding = tokio::spawn(hold_transactions(owner, stop.clone()));
    let meter = Meter::start(&server, None).await?;
    let (held_up, _) = latencies(&ledger, seconds).await?;
    let usage_held_up = meter.read().await?;
    stop.cancel();
    holding.await??;
    ledger.close().await;

    let ratio = held_up.p99() / alone.p99();
    let first = Figure::new(
        "append -> tail sees it, 20,000 ev/s (units of 10)",
        "p99 <= 15 ms",
        format!("{alone} ms from the call"),
        Verdict::of(alone.p99() <= 15.0),
    );
    let second = Figure::new(
        "the same beside an unrelated 2 s write transaction",
        "p99 <= 1.5 x alone",
        format!("{held_up} ms, {ratio:.2} x"),
        Verdict::of(ratio <= 1.5),
    );
    Ok(vec![
        first.beside(format!("from the acknowledgement: {alone_answered} ms")).on(&usage),
        second.beside(format!("alone: p99 {:.2} ms", alone.p99())).on(&usage_held_up),
    ])
}
