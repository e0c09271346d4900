use async_trait::async_trait;
use projections::Projection;
use schema::{AggregateType, RecordedEvent};
use sqlx::PgConnection;

use crate::{Follower, FollowerError};

/// A projection as a follower. Each has its own checkpoint and transaction, so that an event one of them cannot take
/// stops that one alone; a shared transaction would save one commit per batch and projection, which is small beside the
/// rows.
pub struct Projector {
    projection: Box<dyn Projection>,
}

impl Projector {
    /// A follower that folds into `projection`.
    #[must_use]
    pub fn new(projection: Box<dyn Projection>) -> Self {
        Self { projection }
    }
}

/// A follower for every projection there is.
#[must_use]
pub fn projectors() -> Vec<Box<dyn Follower>> {
    projections::ALL
        .iter()
        .map(|projection| Box::new(Projector::new(projection())) as Box<dyn Follower>)
        .collect()
}

#[async_trait]
impl Follower for Projector {
    fn name(&self) -> &str {
        self.projection.name()
    }

    fn follows(&self) -> &[AggregateType] {
        self.projection.follows()
    }

    fn schema(&self) -> &'static str {
        "read"
    }

    fn forget(&mut self) {
        self.projection.forget();
    }

    async fn apply(
        &mut self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        Ok(self.projection.apply(conn, events).await?)
    }
}
