use chrono::{DateTime, Utc};
use schema::{Position, Timestamp};
use sqlx::FromRow;

use crate::tail::{describe, log_holders};
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
    /// Why it waits, if it does.
    pub trouble: Option<String>,
}

impl CheckpointFacts {
    /// Whether it stands still because the log is not the one it has read: the mark is at the checkpoint itself, where
    /// an event that cannot be applied never is.
    #[must_use]
    pub fn is_other_log(&self) -> bool {
        self.poison_position.is_some_and(|position| position <= self.position)
    }
}

/// How large a table is, with indexes.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
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
    /// Sessions and prepared transactions that hold the tail up at this moment. Writers pass by here; who stays is to
    /// blame.
    pub holders: Vec<String>,
    /// Each follower.
    pub checkpoints: Vec<CheckpointFacts>,
    /// Each table, largest first.
    pub tables: Vec<TableSize>,
    /// The oldest open transaction's age in seconds: a long one slows claims from the queue.
    pub oldest_transaction_s: f64,
}

#[derive(FromRow)]
struct RawCheckpoint {
    name: String,
    position: i64,
    node: Option<String>,
    epoch: i64,
    heartbeat_at: Option<DateTime<Utc>>,
    poison_position: Option<i64>,
    poison_error: Option<String>,
    trouble: Option<String>,
}

impl Ledger {
    /// Looks at everything that can be wrong with the ledger.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn doctor(&self) -> Result<DoctorFacts, StoreError> {
        let head = self.head().await?;
        let mut connection = self.shared.acquire().await?;
        let holders = log_holders(&mut connection).await?;
        let holders = describe(&mut connection, &holders).await?;
        let (server, oldest_transaction_s) = sqlx::query_as(
            "select current_setting('server_version'), \
                 coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8 \
             from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        )
        .fetch_one(&mut *connection)
        .await?;
        let checkpoints: Vec<RawCheckpoint> = sqlx::query_as(
            "select name, position, node, epoch, heartbeat_at, poison_position, poison_error, trouble \
             from checkpoints order by name",
        )
        .fetch_all(&mut *connection)
        .await?;
        let tables = sqlx::query_as(
            "select relname::text as table, pg_total_relation_size(relid) as size_bytes, \
                 n_live_tup as rows, n_dead_tup as dead_rows \
             from pg_stat_user_tables order by 2 desc, 1",
        )
        .fetch_all(&mut *connection)
        .await?;
        let checkpoints = checkpoints.into_iter().map(CheckpointFacts::from).collect();
        Ok(DoctorFacts { server, head, holders, checkpoints, tables, oldest_transaction_s })
    }
}

impl From<RawCheckpoint> for CheckpointFacts {
    fn from(raw: RawCheckpoint) -> Self {
        Self {
            name: raw.name,
            position: Position(raw.position),
            node: raw.node,
            epoch: raw.epoch,
            heartbeat_at: raw.heartbeat_at.map(Timestamp::from),
            poison_position: raw.poison_position.map(Position),
            poison_error: raw.poison_error,
            trouble: raw.trouble,
        }
    }
}
