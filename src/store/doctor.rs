use schema::{Position, Timestamp};

use crate::{Ledger, StoreError};

/// A follower's row.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointFacts {
    /// Whose.
    pub name: String,
    /// Last event applied.
    pub position: Position,
    /// Who runs it.
    pub node: Option<String>,
    /// Which of its runners.
    pub epoch: i64,
    /// Its last sign of life.
    pub heartbeat_at: Option<Timestamp>,
    /// The event it stands still at.
    pub poison_position: Option<Position>,
    /// Why.
    pub poison_error: Option<String>,
}

/// How large a table is, with indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// Bytes on disk.
    pub size_bytes: i64,
    /// Rows, as the statistics estimate them.
    pub rows: i64,
    /// Dead rows, likewise.
    pub dead_rows: i64,
}

/// What `waybill doctor` says about the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct DoctorFacts {
    /// Postgres' version.
    pub server: String,
    /// The log's head.
    pub head: Position,
    /// Sessions and prepared transactions that hold the tail up now, longest first.
    pub holders: Vec<String>,
    /// Each follower.
    pub checkpoints: Vec<CheckpointFacts>,
    /// Each table.
    pub tables: Vec<TableSize>,
    /// The oldest transaction's age in seconds: a long one slows claims from the queue.
    pub oldest_transaction_s: f64,
}

impl Ledger {
    /// Looks at everything that can be wrong with the ledger.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn doctor(&self) -> Result<DoctorFacts, StoreError> {
        Err(StoreError::Closed)
    }
}
