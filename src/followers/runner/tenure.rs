//! One node's time with one follower: from taking the lease to losing it. Every transaction begins by proving the
//! lease.

use std::time::Duration;

use schema::{Position, RecordedEvent, Sha256};
use sqlx::{Connection, PgConnection};
use store::{LogIdentity, LogRow};
use tokio::time::Instant;

use super::beat::{Beat, Fenced, timely};
use super::feed::Portion;
use crate::checkpoint::queries::{self, Advance, Lease};
use crate::{Follower, FollowerConfig, FollowerError, Mark, metric};

/// How applying went.
#[derive(Debug)]
pub(super) enum Applied {
    /// All of it.
    All,
    /// Up to an event that cannot be applied.
    StandsStill,
    /// Nothing: another node runs the follower now.
    Fenced,
}

pub(super) struct Tenure<'r> {
    pub conn: PgConnection,
    pub follower: &'r mut dyn Follower,
    pub config: FollowerConfig,
    pub position: Position,
    beat: Beat,
    system_identifier: i64,
    event_hash: Option<Sha256>,
    head: Position,
    rate: Rate,
    written: Position,
    written_at: Instant,
    /// When nothing was left to apply.
    at_head: Instant,
}

impl<'r> Tenure<'r> {
    pub(super) fn new(
        conn: PgConnection,
        follower: &'r mut dyn Follower,
        config: FollowerConfig,
        lease: &Lease,
        system_identifier: i64,
    ) -> Self {
        let Mark { position, event_hash } = lease.mark();
        let beat = Beat {
            name: follower.name().to_owned(),
            epoch: lease.epoch,
            head: position,
            rate: 0.0,
            lease_ms: lease_ms(&config),
        };
        Self {
            conn,
            follower,
            config,
            position,
            beat,
            system_identifier,
            event_hash,
            head: position,
            rate: Rate::new(),
            written: position,
            written_at: Instant::now(),
            at_head: Instant::now(),
        }
    }

    /// Lets the follower make ready; it may know better than the checkpoint how far it is.
    pub(super) async fn resume(&mut self) -> Result<Result<Option<Mark>, Fenced>, FollowerError> {
        let Self { conn, follower, beat, config, .. } = self;
        let checkpoint = Mark { position: self.position, event_hash: self.event_hash };
        beat.beside(conn, config.heartbeat(), follower.resume(checkpoint)).await
    }

    /// Goes on from where the follower itself says it is.
    pub(super) fn start_from(&mut self, mark: Mark) {
        self.position = mark.position;
        self.event_hash = mark.event_hash;
        self.head = self.head.max(mark.position);
    }

    /// Applies what concerns the follower. What does not only moves the position, and is written a little later.
    pub(super) async fn apply(
        &mut self,
        portion: &Portion,
        head: Position,
    ) -> Result<Applied, FollowerError> {
        self.head = head;
        let rows: Vec<&LogRow> =
            portion.rows().filter(|row| concerns(self.follower, row)).collect();
        let unreadable = |row: &&LogRow| !self.follower.takes_stored() && row.decoded().is_err();
        let readable = rows.iter().position(unreadable).unwrap_or(rows.len());
        for chunk in rows[..readable].chunks(self.config.batch_events.max(1) as usize) {
            match self.transaction(chunk).await {
                Ok(Ok(())) => {}
                Ok(Err(Fenced)) => return Ok(Applied::Fenced),
                Err(FollowerError::Refused(_)) => match self.one_by_one(chunk).await? {
                    Applied::All => {}
                    stopped => return Ok(stopped),
                },
                Err(again @ FollowerError::Again(_)) => return Err(again),
            }
        }
        if let Some((row, Err(error))) = rows.get(readable).map(|row| (row, row.decoded())) {
            return self.stand_still(row, error).await;
        }
        self.position = portion.through;
        self.event_hash = portion.end_hash();
        Ok(Applied::All)
    }

    /// Finds the guilty event of a chunk; those before it are applied.
    async fn one_by_one(&mut self, chunk: &[&LogRow]) -> Result<Applied, FollowerError> {
        self.follower.forget();
        for row in chunk {
            match self.transaction(&[*row]).await {
                Ok(Ok(())) => {}
                Ok(Err(Fenced)) => return Ok(Applied::Fenced),
                Err(FollowerError::Refused(error)) => {
                    return self.stand_still(row, &error.to_string()).await;
                }
                Err(again @ FollowerError::Again(_)) => return Err(again),
            }
        }
        // Each alone went through: it was their being together.
        Ok(Applied::All)
    }

    async fn transaction(&mut self, rows: &[&LogRow]) -> Result<Result<(), Fenced>, FollowerError> {
        let started = Instant::now();
        let Self { conn, follower, beat, config, .. } = self;
        let carrying = follower.carry(rows);
        if beat.beside(conn, config.heartbeat(), carrying).await?.is_err() {
            return Ok(Err(Fenced));
        }
        let shown = if follower.takes_stored() { &[] } else { rows };
        let events: Vec<&RecordedEvent> =
            shown.iter().filter_map(|row| row.decoded().ok()).collect();
        let to =
            rows.last()
                .map_or(Mark { position: self.position, event_hash: self.event_hash }, |row| {
                    Mark { position: row.position, event_hash: Some(LogIdentity::hash(row)) }
                });
        let done = timely(self.commit(&events, rows.len(), to)).await?;
        if done.is_ok() {
            metric::applied(self.follower.name(), rows.len(), started.elapsed());
            self.tell();
        }
        Ok(done)
    }

    async fn commit(
        &mut self,
        events: &[&RecordedEvent],
        count: usize,
        to: Mark,
    ) -> Result<Result<(), Fenced>, FollowerError> {
        let rate = self.rate.count(count, Instant::now());
        let sure = self.follower.carried().unwrap_or(to);
        let advance = Advance {
            name: self.follower.name(),
            epoch: self.beat.epoch,
            position: sure.position.0,
            event_hash: sure.event_hash.as_ref().map(|hash| hash.as_bytes().as_slice()),
            system_identifier: self.system_identifier,
            head: self.head.0.max(to.position.0),
            applied: i64::try_from(count).unwrap_or(i64::MAX),
            rate,
            lease_ms: lease_ms(&self.config),
        };
        let mut tx = self.conn.begin().await?;
        if !queries::advance(&mut tx, &advance).await? {
            return Ok(Err(Fenced));
        }
        if count > 0 || self.follower.owes() {
            self.follower.apply(&mut tx, events).await?;
        }
        tx.commit().await?;
        self.position = to.position;
        self.written = sure.position;
        self.written_at = Instant::now();
        self.event_hash = to.event_hash;
        Ok(Ok(()))
    }

    /// How far it is, for metrics.
    fn tell(&mut self) {
        let reached = self.follower.carried().map_or(self.position, |sure| sure.position);
        if reached >= self.head {
            self.at_head = Instant::now();
        }
        metric::reached(self.follower.name(), reached, self.head, self.at_head.elapsed());
    }

    fn has_to_write(&self) -> bool {
        self.written < self.position || self.follower.owes()
    }

    /// When the checkpoint is next written though nothing was applied.
    pub(super) fn next_write(&self) -> Instant {
        let pause = if self.has_to_write() {
            self.config.idle_checkpoint()
        } else {
            self.config.heartbeat()
        };
        self.written_at + pause
    }

    /// Writes the checkpoint, or only that the node is still there.
    pub(super) async fn write(
        &mut self,
        head: Position,
    ) -> Result<Result<(), Fenced>, FollowerError> {
        self.head = head;
        if self.has_to_write() {
            return self.transaction(&[]).await;
        }
        Ok(self.heartbeat().await?.map(|_| ()))
    }

    /// Says "still here"; true while the follower is marked as standing still.
    pub(super) async fn heartbeat(&mut self) -> Result<Result<bool, Fenced>, FollowerError> {
        self.written_at = Instant::now();
        self.beat.rate = self.rate.count(0, self.written_at);
        self.beat.head = self.head.max(self.position);
        let marked = self.beat.strike(&mut self.conn).await?;
        self.tell();
        Ok(marked)
    }

    /// Whatever kept the follower waiting has passed.
    pub(super) async fn is_at_work(&mut self) -> Result<(), FollowerError> {
        timely(queries::trouble(&mut self.conn, self.follower.name(), self.beat.epoch, None)).await
    }

    /// Marks the event the follower cannot pass.
    pub(super) async fn stand_still(
        &mut self,
        row: &LogRow,
        error: &str,
    ) -> Result<Applied, FollowerError> {
        let what =
            format!("{} of {}:{}: {error}", row.event_type, row.aggregate_type, row.aggregate_id);
        self.mark(row.position, &what).await
    }

    /// Marks a position with why the follower does not go on.
    pub(super) async fn mark(
        &mut self,
        position: Position,
        error: &str,
    ) -> Result<Applied, FollowerError> {
        let name = self.follower.name();
        let marking =
            queries::stand_still(&mut self.conn, name, self.beat.epoch, position.0, error);
        let ours = timely(marking).await?;
        if !ours {
            return Ok(Applied::Fenced);
        }
        metric::stands_still(name, true);
        tracing::error!(
            follower = name,
            position = position.0,
            "follower {name} stands still at event {position}: {error}"
        );
        Ok(Applied::StandsStill)
    }

    /// Writes what is not yet written and lets another node take over.
    pub(super) async fn resign(&mut self) -> Result<(), FollowerError> {
        if self.written < self.position {
            match self.transaction(&[]).await {
                Ok(Err(Fenced)) => return Ok(()),
                // What was under way may have been called off with the rest: it is done again.
                Ok(Ok(())) | Err(FollowerError::Again(_)) => {}
                Err(refused) => return Err(refused),
            }
        }
        timely(queries::release(&mut self.conn, self.follower.name(), self.beat.epoch)).await?;
        Ok(())
    }
}

fn concerns(follower: &dyn Follower, row: &LogRow) -> bool {
    follower.takes_stored()
        || follower.follows().iter().any(|kind| kind.as_str() == row.aggregate_type)
}

pub(super) fn lease_ms(config: &FollowerConfig) -> i64 {
    i64::try_from(config.lease_ms).unwrap_or(i64::MAX)
}

/// Over which time the rate is an average.
const RATE_OVER: Duration = Duration::from_secs(2);

/// Events per second, of late.
struct Rate {
    since: Instant,
    count: usize,
    last: f64,
}

impl Rate {
    fn new() -> Self {
        Self { since: Instant::now(), count: 0, last: 0.0 }
    }

    fn count(&mut self, events: usize, now: Instant) -> f64 {
        self.count += events;
        let elapsed = now.duration_since(self.since);
        if elapsed >= RATE_OVER {
            self.last = self.count as f64 / elapsed.as_secs_f64();
            self.since = now;
            self.count = 0;
        }
        self.last
    }
}
