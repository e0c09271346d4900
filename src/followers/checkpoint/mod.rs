//! How far each follower has come, who runs it, and where it stands still.

pub(crate) mod queries;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schema::Position;
use serde::Serialize;
use store::Ledger;
use tokio::time::{Instant, sleep_until};

use crate::FollowersError;

/// How long a reader that waits for a position waits before it looks again: at first, and, doubled each time, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(128);

/// The event a follower stands still at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Poison {
    /// Which event.
    pub position: Position,
    /// Its name and why it cannot be applied.
    pub error: String,
    /// Whether it is not that event: the log is not the one the follower has read. Nothing can be skipped then; a
    /// rebuild mends it.
    pub is_other_log: bool,
}

/// A follower, as its checkpoint tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FollowerStatus {
    /// Its name.
    pub name: String,
    /// The last event it has applied.
    pub position: Position,
    /// The log's last event.
    pub head: Position,
    /// Positions between the two: at least as many as there are events.
    pub lag: i64,
    /// Milliseconds since it had nothing left to apply; 0 when it has nothing now.
    pub lag_ms: i64,
    /// Events applied in all.
    pub events_applied: i64,
    /// Events applied per second, of late.
    pub events_per_second: f64,
    /// The node that runs it, or ran it last.
    pub node: Option<String>,
    /// Whether that node's lease holds.
    pub is_running: bool,
    /// Milliseconds since that node was heard of.
    pub heartbeat_age_ms: Option<i64>,
    /// How often it changed hands.
    pub epoch: i64,
    /// Where it stands still, if it does.
    pub poison: Option<Poison>,
    /// Why it waits, if it does: it tries again by itself.
    pub trouble: Option<String>,
    /// When the row last changed.
    pub updated_at: DateTime<Utc>,
}

/// A follower did not come far enough in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the read side has reached position {reached}, not yet {wanted}")]
pub struct NotReached {
    /// How far the slowest has come.
    pub reached: Position,
    /// How far it should have.
    pub wanted: Position,
}

/// Questions about checkpoints.
#[derive(Clone)]
pub struct Checkpoints {
    ledger: Arc<Ledger>,
}

impl Checkpoints {
    /// Of this ledger.
    #[must_use]
    pub const fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }

    /// How every follower stands, by name. One that never ran is absent.
    ///
    /// # Errors
    /// [`FollowersError`] when the database is away.
    pub async fn status(&self) -> Result<Vec<FollowerStatus>, FollowersError> {
        let rows = queries::status(self.ledger.pool(), None).await?;
        let head = self.ledger.head().await?;
        Ok(rows.into_iter().map(|row| status(row, head)).collect())
    }

    /// Waits until all of `names` have applied `wanted`, at most for `patience`: then a reader sees its own write.
    /// Returns how far the slowest has come.
    ///
    /// # Errors
    /// [`FollowersError::NotReached`] when time is up; others when the database is away.
    pub async fn await_position(
        &self,
        names: &[&str],
        wanted: Position,
        patience: Duration,
    ) -> Result<Position, FollowersError> {
        let until = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let (slowest, found) = queries::slowest(self.ledger.pool(), names).await?;
            let complete = usize::try_from(found).is_ok_and(|found| found == names.len());
            let reached = if complete { Position(slowest) } else { Position::START };
            if reached >= wanted {
                return Ok(reached);
            }
            if Instant::now() >= until {
                return Err(NotReached { reached, wanted }.into());
            }
            sleep_until(until.min(Instant::now() + pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

fn status(row: queries::StatusRow, head: Position) -> FollowerStatus {
    let is_other_log = row.is_other_log();
    let poison = row.poison_position.map(|position| Poison {
        position: Position(position),
        error: row.poison_error.unwrap_or_default(),
        is_other_log,
    });
    let lag = head.0.saturating_sub(row.position).max(0);
    FollowerStatus {
        name: row.name,
        position: Position(row.position),
        head,
        lag,
        lag_ms: row.behind_ms.filter(|_| lag > 0).unwrap_or(0),
        events_applied: row.events_applied,
        events_per_second: row.events_per_second,
        node: row.node,
        is_running: row.is_running,
        heartbeat_age_ms: row.heartbeat_age_ms,
        epoch: row.epoch,
        poison,
        trouble: row.trouble,
        updated_at: row.updated_at,
    }
}
