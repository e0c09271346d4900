//! A projection from nothing: the log folded anew beside the live tables, compared with them, and put in their place
//! when they differ and it is asked for. The live follower goes on until the comparison, and after it.

mod queries;

use std::collections::HashSet;
use std::sync::Arc;

use projections::Projection;
use schema::{Position, RecordedEvent, Sha256};
use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use store::{Ledger, LogRow, Tail, TailConfig};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::queries::Live;
use crate::runner::follower_options;
use crate::skip::skipped;
use crate::{FollowerError, FollowersError};

/// Where the log is folded anew.
const SCHEMA: &str = "read_rebuild";

/// Events of a transaction.
const BATCH_EVENTS: u32 = 5_000;

/// Behind by no more than this, the rest is caught up while the live follower waits.
const CLOSE: i64 = 20_000;

/// How a rebuild goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Put the rebuilt tables in the place of the live ones when they differ. What was there is kept in the schema
    /// `read_replaced` until the next time.
    pub swap: bool,
    /// Rows that differ are named up to this many per table.
    pub named_differences: u32,
}

impl Default for RebuildOptions {
    fn default() -> Self {
        Self { swap: true, named_differences: 20 }
    }
}

/// How far a rebuild has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RebuildProgress {
    /// Which projection.
    pub name: &'static str,
    /// Events folded.
    pub events: u64,
    /// The last position looked at.
    pub position: Position,
    /// Where the live follower stands.
    pub target: Position,
    /// Events per second, so far.
    pub events_per_second: f64,
}

/// What came of a rebuild.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RebuildReport {
    /// Which projection.
    pub name: &'static str,
    /// The position at which both were compared.
    pub position: Position,
    /// Digest over all rows of the live tables.
    pub live_digest: Sha256,
    /// Digest over all rows of the rebuilt ones.
    pub rebuilt_digest: Sha256,
    /// Rows that differ: table, key, and how. Bounded.
    pub differences: Vec<String>,
    /// Events folded.
    pub events: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether the rebuilt tables are the live ones now.
    pub swapped: bool,
}

impl RebuildReport {
    /// Whether live and rebuilt are the same, byte for byte.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.live_digest == self.rebuilt_digest
    }
}

/// Rebuilds projections. Needs the owner's login: tables are made and moved.
pub struct Rebuilder {
    ledger: Arc<Ledger>,
    owner: PgConnectOptions,
}

/// Told of progress.
type Tell<'t> = &'t mut (dyn FnMut(RebuildProgress) + Send);

impl Rebuilder {
    /// For this ledger's read models, logging in as `owner`.
    #[must_use]
    pub const fn new(ledger: Arc<Ledger>, owner: PgConnectOptions) -> Self {
        Self { ledger, owner }
    }

    /// Rebuilds one projection by name, or all of them for `all`, one after the other.
    ///
    /// # Errors
    /// [`FollowersError::Unknown`], [`FollowersError::Poison`] at an event that cannot be folded,
    /// [`FollowersError::Cancelled`], or the database's. The live tables are then as they were.
    pub async fn rebuild(
        &self,
        name: &str,
        options: RebuildOptions,
        tell: Tell<'_>,
        stop: &CancellationToken,
    ) -> Result<Vec<RebuildReport>, FollowersError> {
        let chosen: Vec<Box<dyn Projection>> = projections::ALL
            .iter()
            .map(|projection| projection())
            .filter(|projection| name == "all" || projection.name() == name)
            .collect();
        if chosen.is_empty() {
            let known: Vec<&str> = projections::ALL.iter().map(|new| new().name()).collect();
            let (name, known) = (name.to_owned(), known.join(", "));
            return Err(FollowersError::Unknown { name, known });
        }
        let mut reports = Vec::with_capacity(chosen.len());
        for projection in chosen {
            let conn = follower_options(&self.owner, SCHEMA)
                .application_name("waybill-rebuild")
                .connect()
                .await?;
            let mut fold = Fold {
                ledger: &self.ledger,
                projection: projection.as_ref(),
                conn,
                skipped: skipped(&self.ledger, projection.name()).await?.into_iter().collect(),
                position: Position::START,
                events: 0,
                started: Instant::now(),
                locked: false,
                stop,
            };
            reports.push(fold.run(options, &mut *tell).await?);
            fold.conn.close().await?;
        }
        Ok(reports)
    }
}

struct Fold<'r> {
    ledger: &'r Arc<Ledger>,
    projection: &'r dyn Projection,
    conn: PgConnection,
    skipped: HashSet<Position>,
    position: Position,
    events: u64,
    started: Instant,
    /// Inside the transaction that holds the live follower's checkpoint.
    locked: bool,
    stop: &'r CancellationToken,
}

impl Fold<'_> {
    async fn run(
        &mut self,
        options: RebuildOptions,
        tell: Tell<'_>,
    ) -> Result<RebuildReport, FollowersError> {
        let name = self.projection.name();
        queries::claim(&mut self.conn, name).await?;
        for table in self.projection.tables() {
            queries::create(&mut self.conn, table).await?;
        }
        loop {
            let live = queries::checkpoint(&mut self.conn, name).await?;
            let target = self.target(&live).await?.position;
            if target.0 - self.position.0 <= CLOSE {
                break;
            }
            self.fold_to(target, tell).await?;
        }
        let report = self.cut_over(options, tell).await;
        for table in self.projection.tables() {
            queries::discard(&mut self.conn, table).await?;
        }
        report
    }

    /// Catches up, compares and swaps while the live follower waits for its checkpoint: all of it, or nothing.
    async fn cut_over(
        &mut self,
        options: RebuildOptions,
        tell: Tell<'_>,
    ) -> Result<RebuildReport, FollowersError> {
        queries::begin(&mut self.conn).await?;
        self.locked = true;
        let report = self.cut_over_locked(options, tell).await;
        self.locked = false;
        match report {
            Ok(report) => {
                queries::commit(&mut self.conn).await?;
                Ok(report)
            }
            Err(error) => {
                queries::roll_back(&mut self.conn).await?;
                Err(error)
            }
        }
    }

    async fn cut_over_locked(
        &mut self,
        options: RebuildOptions,
        tell: Tell<'_>,
    ) -> Result<RebuildReport, FollowersError> {
        let name = self.projection.name();
        let live = queries::lock_checkpoint(&mut self.conn, name).await?;
        let Target { position, is_other_log } = self.target(&live).await?;
        self.fold_to(position, tell).await?;
        let (live_digest, rebuilt_digest, differences) = self.compare(options).await?;
        let swapped = options.swap && live_digest != rebuilt_digest;
        if swapped {
            for table in self.projection.tables() {
                queries::swap(&mut self.conn, table).await?;
            }
        }
        if swapped || (options.swap && is_other_log) {
            let hash = self.ledger.event_hash(position).await?;
            queries::start_anew(&mut self.conn, name, position, hash).await?;
        }
        Ok(RebuildReport {
            name,
            position,
            live_digest,
            rebuilt_digest,
            differences,
            events: self.events,
            seconds: self.started.elapsed().as_secs_f64(),
            swapped,
        })
    }

    /// How far to fold: to where the live follower has come; when that is in another log, to the end of this one.
    async fn target(&self, live: &Live) -> Result<Target, FollowersError> {
        let position = Position(live.position);
        let Some(expected) = live.event_hash.as_deref() else {
            return Ok(Target { position, is_other_log: false });
        };
        let found = self.ledger.event_hash(position).await?;
        if found.is_some_and(|found| found.as_bytes() == expected) {
            return Ok(Target { position, is_other_log: false });
        }
        // The tail alone knows up to where nothing will appear any more.
        let asking = self.stop.child_token();
        let tail = Tail::start(self.ledger, TailConfig::default(), asking.clone()).await?;
        asking.cancel();
        let position = *tail.head().borrow();
        Ok(Target { position, is_other_log: true })
    }

    async fn compare(
        &mut self,
        options: RebuildOptions,
    ) -> Result<(Sha256, Sha256, Vec<String>), FollowersError> {
        queries::allow_full_reads(&mut self.conn).await?;
        let (mut live, mut rebuilt) = (String::new(), String::new());
        let mut differences = Vec::new();
        for table in self.projection.tables() {
            let of_live = queries::digest(&mut self.conn, "read", table).await?;
            let of_rebuilt = queries::digest(&mut self.conn, SCHEMA, table).await?;
            if of_live != of_rebuilt {
                let limit = options.named_differences;
                differences.extend(queries::differences(&mut self.conn, table, limit).await?);
            }
            live.push_str(&format!("{} {of_live}\n", table.name));
            rebuilt.push_str(&format!("{} {of_rebuilt}\n", table.name));
        }
        Ok((Sha256::of(live.as_bytes()), Sha256::of(rebuilt.as_bytes()), differences))
    }

    /// Folds up to `target`; the next part is read while one is written.
    async fn fold_to(&mut self, target: Position, tell: Tell<'_>) -> Result<(), FollowersError> {
        let mut rows = self.read(self.position, target).await?;
        while let Some(last) = rows.last() {
            if self.stop.is_cancelled() {
                return Err(FollowersError::Cancelled);
            }
            let through = last.position;
            let ledger = self.ledger;
            let follows = self.projection.follows();
            let next = ledger.read(through, target, BATCH_EVENTS, Some(follows));
            let (next, applied) = tokio::join!(next, self.apply(&rows));
            applied?;
            rows = next?;
            self.position = through;
            tell(self.progress(target));
        }
        self.position = target;
        tell(self.progress(target));
        Ok(())
    }

    async fn read(&self, after: Position, target: Position) -> Result<Vec<LogRow>, FollowersError> {
        let follows = self.projection.follows();
        Ok(self.ledger.read(after, target, BATCH_EVENTS, Some(follows)).await?)
    }

    async fn apply(&mut self, rows: &[LogRow]) -> Result<(), FollowersError> {
        let mut events: Vec<&RecordedEvent> = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| !self.skipped.contains(&row.position)) {
            match &row.decoded {
                Ok(event) => events.push(event),
                Err(error) => return Err(poison(row, error)),
            }
        }
        let folded = if self.locked {
            self.projection.apply(&mut self.conn, &events).await
        } else {
            let mut tx = self.conn.begin().await?;
            let folded = self.projection.apply(&mut tx, &events).await;
            if folded.is_ok() {
                tx.commit().await?;
            }
            folded
        };
        match folded.map_err(FollowerError::from) {
            Ok(()) => {}
            Err(FollowerError::Refused(error)) => {
                return Err(rows.last().map_or(FollowersError::Cancelled, |row| {
                    poison(row, &format!("in the batch that ends there: {error}"))
                }));
            }
            Err(again) => return Err(again.into()),
        }
        self.events += events.len() as u64;
        Ok(())
    }

    fn progress(&self, target: Position) -> RebuildProgress {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        RebuildProgress {
            name: self.projection.name(),
            events: self.events,
            position: self.position,
            target,
            events_per_second: self.events as f64 / seconds,
        }
    }
}

/// Where a fold ends.
struct Target {
    position: Position,
    /// Whether the live follower has read another log than this one.
    is_other_log: bool,
}

fn poison(row: &LogRow, error: &str) -> FollowersError {
    FollowersError::Poison {
        position: row.position,
        event_type: row.event_type.clone(),
        error: error.to_owned(),
    }
}
