use async_trait::async_trait;
use schema::{AggregateType, RecordedEvent};
use sqlx::PgConnection;

use crate::FollowerError;

/// Someone who reads the log from a checkpoint on.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Its name: that of its checkpoint. Never changes.
    fn name(&self) -> &str;

    /// The kinds of streams it reads; others are not shown to it.
    fn follows(&self) -> &[AggregateType];

    /// The schema its tables are in: its statements name them without one.
    fn schema(&self) -> &'static str;

    /// Lets go of what is remembered in memory: another node may have run it in the meantime.
    fn forget(&mut self) {}

    /// Applies events, in the log's order. What is written through `conn` commits together with the checkpoint, or not
    /// at all; what is done elsewhere may be done again, so it must be repeatable.
    ///
    /// # Errors
    /// [`FollowerError::Again`] when the world is away, [`FollowerError::Refused`] when an event cannot be applied.
    async fn apply(
        &mut self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError>;
}
