use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures::TryStreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema::Position;
use sqlx::{Acquire, PgPool, Row};
use store::{Ledger, Tail, TailConfig, TailStep};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Scene;

/// Writers that race.
pub const WRITERS: u64 = 16;
/// Rows a reader that fell behind fetches at once.
const CATCH_UP_ROWS: u32 = 2_000;

/// One batch of events of one stream; `$2` and `$3` are the first and last sequence.
const INSERT: &str = "insert into events (aggregate_type, aggregate_id, sequence, event_type, \
     event_version, payload, metadata) \
     select $4, $1, g, $5, '1', $6::json, \
     '{\"actor\":\"soak:writer\",\"tenant\":\"soak\"}'::json from generate_series($2, $3) g";

/// What is inserted into one of the table's partitions: kind of stream, event, payload.
type Kind = [&'static str; 3];

/// One of each partition.
const KINDS: [Kind; 2] = [
    ["report", "ReportRetired", "{\"reason\":\"soak\"}"],
    ["delivery", "AttemptStarted", "{\"attempt\":1,\"node\":\"soak\",\"address_revision\":1}"],
];

/// What the tail soak found.
#[derive(Debug, Default)]
pub struct TailVerdict {
    /// Events in the table at the end.
    pub stored: u64,
    /// Rolled back on purpose, whole transactions and savepoints.
    pub rolled_back: u64,
    /// In the table, never handed on.
    pub missed: u64,
    /// Handed on more than once.
    pub twice: u64,
    /// Handed on, not in the table.
    pub phantom: u64,
    /// Handed on out of order.
    pub disorder: u64,
    /// How long it took.
    pub took: Duration,
}

/// Races `WRITERS` writers against one tail until `events` are stored, killing Postgres half way.
pub async fn run(scene: &Scene, seed: u64, events: u64) -> Result<TailVerdict> {
    let database = scene.database("soak_tail").await?;
    let ledger = database.ledger().await?;
    let stop = CancellationToken::new();
    let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await?;
    let reader = tokio::spawn(read_all(Arc::clone(&ledger), tail, stop.clone()));

    let started = Instant::now();
    let progress = Arc::new(Progress::default());
    let pool = database.app_pool(40).await?;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let writer = Writer {
            pool: pool.clone(),
            draw: StdRng::seed_from_u64(seed.wrapping_mul(1000) + number),
            number,
            events,
            progress: Arc::clone(&progress),
        };
        writers.spawn(writer.run());
    }
    while progress.committed.load(Ordering::Relaxed) < events / 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.crash("postgres").await?;
    while let Some(ended) = writers.join_next().await {
        ended?;
    }
    let mut verdict = compare(&pool, &ledger, reader, &stop).await?;
    verdict.rolled_back = progress.rolled_back.load(Ordering::Relaxed);
    verdict.took = started.elapsed();
    Ok(verdict)
}

#[derive(Default)]
struct Progress {
    committed: AtomicU64,
    rolled_back: AtomicU64,
}

struct Writer {
    pool: PgPool,
    draw: StdRng,
    number: u64,
    events: u64,
    progress: Arc<Progress>,
}

impl Writer {
    async fn run(mut self) {
        let mut stream = 0;
        while self.progress.committed.load(Ordering::Relaxed) < self.events {
            stream += 1;
            // A transaction that dies with the server is what this soak is about: go on with the next stream.
            if let Err(error) = self.transaction(stream).await {
                warn!("writer {}: {error}", self.number);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn transaction(&mut self, stream: u64) -> Result<()> {
        let id = format!("soak/{}-{stream}", self.number);
        let mut transaction = self.pool.begin().await?;
        let mut count = 0;
        // One partition or both, in either order, and in turns: positions of both lie between each other.
        let first = usize::from(self.draw.random_bool(0.5));
        let mut kind = KINDS[first];
        for part in 0..self.draw.random_range(1..=4) {
            kind = KINDS[(first + part) % KINDS.len()];
            let more = self.draw.random_range(1..=100_i64);
            insert(&mut transaction, &kind, &id, count + 1, count + more).await?;
            count += more;
        }
        let mut undone = 0;
        if self.draw.random_bool(0.2) {
            let extra = self.draw.random_range(1..=100_i64);
            let mut savepoint = transaction.begin().await?;
            insert(&mut savepoint, &kind, &id, count + 1, count + extra).await?;
            savepoint.rollback().await?;
            undone += extra.unsigned_abs();
        }
        if self.draw.random_bool(0.1) {
            let pause = self.draw.random_range(1..=30);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        if self.draw.random_bool(0.1) {
            transaction.rollback().await?;
            undone += count.unsigned_abs();
        } else {
            transaction.commit().await?;
            self.progress.committed.fetch_add(count.unsigned_abs(), Ordering::Relaxed);
        }
        self.progress.rolled_back.fetch_add(undone, Ordering::Relaxed);
        Ok(())
    }
}

async fn insert(
    connection: &mut sqlx::PgConnection,
    [aggregate, event, payload]: &Kind,
    id: &str,
    first: i64,
    last: i64,
) -> Result<()> {
    let insert = sqlx::query(INSERT).bind(id).bind(first).bind(last);
    insert.bind(aggregate).bind(event).bind(payload).execute(connection).await?;
    Ok(())
}

/// How often each position was handed on, and whether ever out of order.
#[derive(Default)]
struct Seen {
    counts: Vec<u8>,
    last: i64,
    disorder: u64,
}

impl Seen {
    fn note(&mut self, position: Position) {
        let Ok(at) = usize::try_from(position.0) else { return };
        if at >= self.counts.len() {
            self.counts.resize(at + 1_000_000, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(1);
        if position.0 <= self.last {
            self.disorder += 1;
        }
        self.last = position.0;
    }

    fn count(&self, position: i64) -> u8 {
        usize::try_from(position).ok().and_then(|at| self.counts.get(at)).copied().unwrap_or(0)
    }
}

/// Reads as any follower does: what lies before the tail's start for itself, then the tail's batches.
async fn read_all(ledger: Arc<Ledger>, tail: Tail, stop: CancellationToken) -> Result<Seen> {
    let mut subscription = tail.subscribe();
    let head = tail.head();
    let mut seen = Seen::default();
    loop {
        let reached = *head.borrow();
        catch_up(&ledger, &mut seen, reached).await?;
        // Batches may begin before what was just read; only that overlap is left out, so that a repetition shows.
        let fence = seen.last;
        loop {
            let step = tokio::select! {
                step = subscription.next() => step,
                () = stop.cancelled() => return Ok(seen),
            };
            match step {
                TailStep::Batch(batch) => {
                    for row in batch.rows.iter().filter(|row| row.position.0 > fence) {
                        seen.note(row.position);
                    }
                }
                TailStep::Lagged => break,
                TailStep::Ended => bail!("the tail ended"),
            }
        }
    }
}

async fn catch_up(ledger: &Ledger, seen: &mut Seen, through: Position) -> Result<()> {
    while seen.last < through.0 {
        let window = Position(through.0.min(seen.last + i64::from(CATCH_UP_ROWS)));
        let rows = ledger.read(Position(seen.last), window, CATCH_UP_ROWS, None).await?;
        for row in &rows {
            seen.note(row.position);
        }
        seen.last = window.0;
    }
    Ok(())
}

async fn compare(
    pool: &PgPool,
    ledger: &Ledger,
    reader: tokio::task::JoinHandle<Result<Seen>>,
    stop: &CancellationToken,
) -> Result<TailVerdict> {
    // Let the tail reach the end: it polls every few milliseconds, so ten seconds are an age.
    let head = ledger.head().await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    stop.cancel();
    let seen = reader.await??;
    let mut verdict = TailVerdict { disorder: seen.disorder, ..TailVerdict::default() };
    let mut rows = sqlx::query("select position from events order by position").fetch(pool);
    while let Some(row) = rows.try_next().await? {
        verdict.stored += 1;
        match seen.count(row.try_get(0)?) {
            0 => verdict.missed += 1,
            1 => {}
            _ => verdict.twice += 1,
        }
    }
    let handed_on = seen.counts.iter().filter(|count| **count > 0).count() as u64;
    verdict.phantom = handed_on.saturating_sub(verdict.stored - verdict.missed);
    ensure!(head.0 > 0, "nothing was stored");
    Ok(verdict)
}
