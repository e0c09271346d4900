//! Deliveries, one row each, with the counts made of them: outcomes per distribution, health per channel and minute.
//!
//! The timeline of a delivery with its evidence is not copied here: it is its stream, read from the log itself. What is
//! here is what lists, filters and sums need.

mod batch;
mod copies;
mod facts;
pub mod failed;
pub mod gates;
pub mod health;
mod outcomes;
pub mod queries;
mod rows;
pub mod served;
mod standing;
pub mod sums;
#[cfg(test)]
mod tests;
mod writes;

pub use health::{HealthFilter, HealthRow};
pub use queries::{DeliveryFilter, DeliverySort};
pub use rows::{DeliveryOutcome, DeliveryRow, DeliveryState};

use std::collections::HashMap;

use async_trait::async_trait;
use schema::{AggregateType, RecordedEvent};
use sqlx::PgConnection;

use self::batch::Batch;
use self::facts::Known;
use crate::{Projection, ProjectionError, Table};

/// The projection of deliveries. Folds a batch in memory first: one statement per table, whatever the batch holds.
#[derive(Debug)]
pub struct Deliveries {
    known: Known,
}

impl Deliveries {
    /// One that knows no delivery yet; it remembers what never changes of those it has seen.
    #[must_use]
    pub fn new() -> Self {
        Self { known: Known::new() }
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Projection for Deliveries {
    fn name(&self) -> &'static str {
        "deliveries"
    }

    fn tables(&self) -> &'static [Table] {
        &[
            Table { name: "deliveries", key: &["delivery"] },
            Table { name: "troubled", key: &["delivery"] },
            Table { name: "distribution_outcomes", key: &["distribution", "channel", "resend"] },
            Table {
                name: "channel_health",
                key: &["tenant", "channel", "destination", "minute", "result"],
            },
        ]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Delivery]
    }

    fn forget(&self) {
        self.known.forget();
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let facts = self.known.of(conn, events).await?;
        let batch = Batch::fold(events, &facts)?;
        writes::insert_deliveries(conn, &batch.fresh()).await?;
        writes::update_deliveries(conn, &batch.changed()).await?;
        writes::mark_troubled(conn, &batch.troubled()).await?;
        writes::clear_troubled(conn, &batch.recovered()).await?;
        outcomes::add(conn, batch.outcomes()).await?;
        health::add(conn, batch.health()).await?;
        self.known.remember(&batch);
        Ok(())
    }
    fn copied(&self) -> &'static [&'static str] {
        &["deliveries", "troubled"]
    }

    async fn build(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let batch = Batch::fold(events, &HashMap::new())?;
        copies::deliveries(conn, &batch.fresh()).await?;
        copies::troubled(conn, &batch.troubled()).await?;
        outcomes::add(conn, batch.outcomes()).await?;
        health::add(conn, batch.health()).await?;
        Ok(())
    }
}
