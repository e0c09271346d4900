//! One node's time with one follower: from taking the lease to losing it. Every transaction begins by proving the
//! lease.

use std::time::Duration;

use schema::{Position, RecordedEvent, Sha256};
use sqlx::{Connection, PgConnection};
use store::{LogIdentity, LogRow};
use tokio::time::{Instant, timeout};

use super::feed::Portion;
use crate::checkpoint::queries::{self, Advance, Lease};
use crate::{Follower, FollowerConfig, FollowerError, metric};

/// Another node runs the follower now.
#[derive(Debug)]
pub(super) struct Fenced;

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
    epoch: i64,
    system_identifier: i64,
    event_hash: Option<Sha256>,
    head: Position,
    rate: Rate,
    written: Position,
    written_at: Instant,
}

impl<'r> Tenure<'r> {
    pub(super) fn new(
        conn: PgConnection,
        follower: &'r mut dyn Follower,
        config: FollowerConfig,
        lease: &Lease,
        system_identifier: i64,
    ) -> Self {
        let hash = lease.event_hash.as_deref().and_then(|hash| hash.try_into().ok());
        Self {
            conn,
            follower,
            config,
            position: Position(lease.position),
            epoch: lease.epoch,
            system_identifier,
            event_hash: hash.map(Sha256::from_bytes),
            head: Position(lease.position),
            rate: Rate::new(),
            written: Position(lease.position),
            written_at: Instant::now(),
        }
    }

    /// Applies what concerns the follower. What does not only moves the position, and is written a little later.
    pub(super) async fn apply(
        &mut self,
        portion: &Portion,
        head: Position,
    ) -> Result<Applied, FollowerError> {
        self.head = head;
        let mut rows = Vec::new();
        let mut unreadable = None;
        for row in portion.rows().filter(|row| concerns(self.follower, row)) {
            match &row.decoded {
                Ok(event) => rows.push((row, event)),
                Err(error) => {
                    unreadable = Some((row, error.clone()));
                    break;
                }
            }
        }
        for chunk in rows.chunks(self.config.batch_events.max(1) as usize) {
            let through = chunk.last().map_or(self.position, |(row, _)| row.position);
            let hash = chunk.last().map(|(row, _)| LogIdentity::hash(row));
            let events: Vec<&RecordedEvent> = chunk.iter().map(|(_, event)| *event).collect();
            match self.transaction(&events, through, hash).await {
                Ok(Ok(())) => {}
                Ok(Err(Fenced)) => return Ok(Applied::Fenced),
                Err(FollowerError::Refused(_)) => match self.one_by_one(chunk).await? {
                    Applied::All => {}
                    stopped => return Ok(stopped),
                },
                Err(again @ FollowerError::Again(_)) => return Err(again),
            }
        }
        if let Some((row, error)) = unreadable {
            return self.stand_still(row, &error).await;
        }
        self.position = portion.through;
        self.event_hash = portion.end_hash();
        Ok(Applied::All)
    }

    /// Finds the guilty event of a chunk; those before it are applied.
    async fn one_by_one(
        &mut self,
        chunk: &[(&LogRow, &RecordedEvent)],
    ) -> Result<Applied, FollowerError> {
        self.follower.forget();
        for (row, event) in chunk {
            match self.transaction(&[*event], row.position, Some(LogIdentity::hash(row))).await {
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

    async fn transaction(
        &mut self,
        events: &[&RecordedEvent],
        through: Position,
        hash: Option<Sha256>,
    ) -> Result<Result<(), Fenced>, FollowerError> {
        timely(self.try_transaction(events, through, hash)).await
    }

    async fn try_transaction(
        &mut self,
        events: &[&RecordedEvent],
        through: Position,
        hash: Option<Sha256>,
    ) -> Result<Result<(), Fenced>, FollowerError> {
        let started = Instant::now();
        let applied = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let rate = self.rate.count(events.len(), started);
        let to = Advance {
            name: self.follower.name(),
            epoch: self.epoch,
            position: through.0,
            event_hash: hash.as_ref().map(|hash| hash.as_bytes().as_slice()),
            system_identifier: self.system_identifier,
            head: self.head.0.max(through.0),
            applied,
            rate,
            lease_ms: lease_ms(&self.config),
        };
        let mut tx = self.conn.begin().await?;
        if !queries::advance(&mut tx, &to).await? {
            return Ok(Err(Fenced));
        }
        if !events.is_empty() {
            self.follower.apply(&mut tx, events).await?;
        }
        tx.commit().await?;
        self.position = through;
        self.written = through;
        self.written_at = Instant::now();
        self.event_hash = hash;
        metric::applied(self.follower.name(), events.len(), started.elapsed());
        metric::reached(self.follower.name(), through, self.head);
        Ok(Ok(()))
    }

    /// When the checkpoint is next written though nothing was applied.
    pub(super) fn next_write(&self) -> Instant {
        let pause = if self.written < self.position {
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
        if self.written < self.position {
            return self.transaction(&[], self.position, self.event_hash).await;
        }
        Ok(self.heartbeat().await?.map(|_| ()))
    }

    /// Says "still here"; true while the follower is marked as standing still.
    pub(super) async fn heartbeat(&mut self) -> Result<Result<bool, Fenced>, FollowerError> {
        self.written_at = Instant::now();
        let rate = self.rate.count(0, self.written_at);
        let marked = timely(queries::heartbeat(
            &mut self.conn,
            self.follower.name(),
            self.epoch,
            self.head.0.max(self.position.0),
            rate,
            lease_ms(&self.config),
        ))
        .await?;
        metric::reached(self.follower.name(), self.position, self.head);
        Ok(marked.map(|poison| poison.is_some()).ok_or(Fenced))
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
        let marking = queries::stand_still(&mut self.conn, name, self.epoch, position.0, error);
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
        if self.written < self.position
            && self.transaction(&[], self.position, self.event_hash).await?.is_err()
        {
            return Ok(());
        }
        timely(queries::release(&mut self.conn, self.follower.name(), self.epoch)).await?;
        Ok(())
    }
}

/// How long a transaction may take before its connection counts as lost: as long as the longest lease.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Postgres may be gone without a word.
async fn timely<T, E: Into<FollowerError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, FollowerError> {
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(late) => Err(FollowerError::again(late)),
    }
}

fn concerns(follower: &dyn Follower, row: &LogRow) -> bool {
    follower.follows().iter().any(|kind| kind.as_str() == row.aggregate_type)
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
