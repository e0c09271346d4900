use async_trait::async_trait;
use schema::{AggregateType, Position, RecordedEvent, Sha256};
use sqlx::PgConnection;
use store::LogRow;

use crate::FollowerError;

/// The last event that someone has read, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its position; 0 before the first.
    pub position: Position,
    /// Its hash; absent before the first.
    pub event_hash: Option<Sha256>,
}

/// Someone who reads the log from a checkpoint on. Each portion is first carried to wherever Postgres' transactions do
/// not reach, then applied in one together with the checkpoint; most do one of the two.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Its name: that of its checkpoint. Never changes.
    fn name(&self) -> &str;

    /// The kinds of streams it reads; others are not shown to it.
    fn follows(&self) -> &[AggregateType];

    /// Whether it takes every event as it is stored, those of a newer program included, and never one by its meaning.
    fn takes_stored(&self) -> bool {
        false
    }

    /// Whether it looks into events: then they are read before it is shown them, while it is still busy with others.
    fn looks_into(&self) -> bool {
        true
    }

    /// The schema its tables are in: its statements name them without one.
    fn schema(&self) -> &'static str;

    /// Lets go of what is remembered in memory: another node may have run it in the meantime.
    fn forget(&mut self) {}

    /// Makes ready to go on behind `checkpoint`, the one in Postgres. Who keeps its own where it carries events to says
    /// how far that one is: it is believed.
    ///
    /// # Errors
    /// [`FollowerError::Again`] when it cannot begin; it is asked again, and the reason is shown.
    async fn resume(&mut self, checkpoint: Mark) -> Result<Option<Mark>, FollowerError> {
        let _ = checkpoint;
        Ok(None)
    }

    /// Carries events to where no transaction of Postgres reaches, in the log's order, while none is open. After a
    /// crash it may be asked for the same again.
    ///
    /// # Errors
    /// As [`Follower::apply`].
    async fn carry(&mut self, rows: &[&LogRow]) -> Result<(), FollowerError> {
        let _ = rows;
        Ok(())
    }

    /// How far what it carries has come, while some of it is still under way: no checkpoint says more than that.
    fn carried(&self) -> Option<Mark> {
        None
    }

    /// Whether it has carried something that it has not told in a transaction: then it is given one soon, with no
    /// events if there are none.
    fn owes(&self) -> bool {
        false
    }

    /// Applies events, in the log's order; none are shown to who [takes what is stored](Follower::takes_stored). What
    /// is written through `conn` commits together with the checkpoint, or not at all; what is done elsewhere may be
    /// done again, so it must be repeatable.
    ///
    /// # Errors
    /// [`FollowerError::Again`] when the world is away, [`FollowerError::Refused`] when an event cannot be applied.
    async fn apply(
        &mut self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        let _ = (conn, events);
        Ok(())
    }
}
