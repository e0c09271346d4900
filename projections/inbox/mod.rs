//! Inboxes: what came to each recipient by that channel, and what the recipient did with it.
//!
//! A row is a fold of its delivery's stream alone. What the version says of itself, and whether it was corrected or
//! withdrawn since, is a fold of the distribution's: questions join the two.

mod batch;
pub mod queries;
mod rows;
#[cfg(test)]
mod tests;
mod writes;

pub use queries::{InboxCounts, InboxFilter};
pub use rows::InboxRow;

use async_trait::async_trait;
use schema::{AggregateType, RecordedEvent};
use sqlx::PgConnection;

use self::batch::Batch;
use crate::{Projection, ProjectionError, Table};

/// The projection of inboxes.
#[derive(Debug)]
pub struct Inbox;

#[async_trait]
impl Projection for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn tables(&self) -> &'static [Table] {
        &[Table { name: "inbox", key: &["delivery"] }]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Delivery]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let batch = Batch::fold(events)?;
        writes::insert(conn, &batch.fresh()).await?;
        writes::update(conn, &batch.changed()).await?;
        writes::remove(conn, &batch.gone()).await?;
        Ok(())
    }

    async fn build(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        writes::insert(conn, &Batch::fold(events)?.fresh()).await?;
        Ok(())
    }
}
