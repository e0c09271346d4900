use async_trait::async_trait;
use schema::{AggregateType, Position, RecordedEvent, StreamId};
use sqlx::PgConnection;

use crate::{
    deliveries, distributions, groups, inbox, recipients, reports, subscriptions, tenants,
};

/// A table of a read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, without schema.
    pub name: &'static str,
    /// The columns of its primary key: by them a rebuild names rows that differ.
    pub key: &'static [&'static str],
}

/// Why a batch could not be folded. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database is away, or refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An event speaks of something no row is there for: the read model lost it. A rebuild brings it back.
    #[error("event {position} of {stream} finds no row to change: rebuild the projection")]
    RowMissing {
        /// The event.
        position: Position,
        /// Its stream.
        stream: StreamId,
    },
    /// A stored id has a form this program does not know.
    #[error(transparent)]
    Invalid(#[from] schema::Invalid),
    /// A row cannot be written as JSON.
    #[error("a row cannot be written: {0}")]
    Row(#[from] serde_json::Error),
}

impl ProjectionError {
    /// The row of `event`'s stream is not there.
    pub(crate) fn row_missing(event: &RecordedEvent) -> Self {
        Self::RowMissing { position: event.position, stream: event.stream.clone() }
    }
}

/// A fold of the log into tables of its own. Live and in a rebuild it is the same code: the connection's `search_path`
/// says where the tables are.
#[async_trait]
pub trait Projection: Send + Sync {
    /// Its name: that of its follower and checkpoint.
    fn name(&self) -> &'static str;

    /// Its tables. No other projection writes them.
    fn tables(&self) -> &'static [Table];

    /// The kinds of streams it reads; others are not shown to it.
    fn follows(&self) -> &'static [AggregateType];

    /// Lets go of what is remembered in memory: called when someone else may have folded in the meantime.
    fn forget(&self) {}

    /// Folds events, in the log's order, inside the caller's transaction. The same events always leave the same bytes,
    /// however they are cut into batches.
    ///
    /// # Errors
    /// [`ProjectionError`]; the caller rolls back.
    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError>;

    /// The tables to which [`Projection::build`] only ever adds rows: their indexes can be made afterwards.
    fn copied(&self) -> &'static [&'static str] {
        &[]
    }

    /// Folds whole streams, each from its first event on, of which the tables say nothing yet: in a rebuild, by several
    /// connections at once. The same as to fold the log in its order, since no row is made of the order in which events
    /// of different streams come.
    ///
    /// # Errors
    /// As [`Projection::apply`].
    async fn build(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        self.apply(conn, events).await
    }
}

/// Every projection there is, by its constructor. A new one is a folder, a migration and a line here.
pub const ALL: &[fn() -> Box<dyn Projection>] = &[
    || Box::new(tenants::Tenants),
    || Box::new(reports::Reports),
    || Box::new(recipients::Recipients),
    || Box::new(groups::Groups),
    || Box::new(subscriptions::Subscriptions),
    || Box::new(distributions::Distributions),
    || Box::new(deliveries::Deliveries::new()),
    || Box::new(inbox::Inbox),
];
