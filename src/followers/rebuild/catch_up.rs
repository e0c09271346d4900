use std::collections::HashSet;
use std::sync::Arc;

use projections::Projection;
use schema::Position;
use sqlx::{Connection, PgConnection};
use store::{Ledger, LogRow};
use tokio_util::sync::CancellationToken;

use super::beat::Facts;
use super::fold::{blame, readable};
use super::pace::Pace;
use super::record::{self, Ticket};
use crate::FollowersError;

/// Events of a transaction.
const BATCH_EVENTS: u32 = 5_000;

/// The log applied in its order, as the live follower does it, to tables beside the live ones.
pub(super) struct CatchUp {
    pub ledger: Arc<Ledger>,
    pub projection: Arc<dyn Projection>,
    /// Its search path says which tables.
    pub conn: PgConnection,
    /// Where progress is noted with the rows; a reference has none.
    pub ticket: Option<Ticket>,
    pub skipped: Arc<HashSet<Position>>,
    pub pace: Arc<Pace>,
    pub facts: Arc<Facts>,
    pub stop: CancellationToken,
    /// The last position applied.
    pub position: Position,
}

impl CatchUp {
    /// Applies events up to `target`, in transactions of its own; the next part is read while one is written.
    pub(super) async fn reach(&mut self, target: Position) -> Result<(), FollowersError> {
        self.apply_to(target, false).await
    }

    /// The same inside of a transaction that the caller has begun. Whoever rolls it back sets `position` back, too.
    pub(super) async fn reach_within(&mut self, target: Position) -> Result<(), FollowersError> {
        self.apply_to(target, true).await
    }

    async fn apply_to(&mut self, target: Position, within: bool) -> Result<(), FollowersError> {
        let mut rows = self.read(self.position, target).await?;
        while let Some(last) = rows.last() {
            if self.stop.is_cancelled() {
                return Err(FollowersError::Cancelled);
            }
            let through = last.position;
            if !within {
                self.pace.wait(rows.len()).await;
            }
            let (ledger, projection) = (Arc::clone(&self.ledger), Arc::clone(&self.projection));
            let follows = projection.follows();
            let next = ledger.read(through, target, self.pace.part(BATCH_EVENTS), Some(follows));
            let (next, applied) = tokio::join!(next, self.apply(&rows, through, within));
            applied?;
            rows = next?;
        }
        self.note(target);
        Ok(())
    }

    async fn read(&self, after: Position, target: Position) -> Result<Vec<LogRow>, FollowersError> {
        let (follows, part) = (self.projection.follows(), self.pace.part(BATCH_EVENTS));
        Ok(self.ledger.read(after, target, part, Some(follows)).await?)
    }

    async fn apply(
        &mut self,
        rows: &[LogRow],
        through: Position,
        within: bool,
    ) -> Result<(), FollowersError> {
        let events = readable(rows, &self.skipped)?;
        let count = events.len();
        if within {
            let applied = self.projection.apply(&mut self.conn, &events).await;
            applied.map_err(|error| blame(error, rows))?;
            self.position = through;
            return Ok(());
        }
        let mut tx = self.conn.begin().await?;
        let applied = self.projection.apply(&mut tx, &events).await;
        applied.map_err(|error| blame(error, rows))?;
        if let Some(ticket) = self.ticket {
            record::advance(&mut tx, ticket, through, count).await?;
        }
        tx.commit().await?;
        self.note(through);
        if self.ticket.is_some() {
            self.facts.apply(count);
        }
        Ok(())
    }

    fn note(&mut self, position: Position) {
        self.position = position;
        if self.ticket.is_some() {
            self.facts.reach(position);
        }
    }
}
