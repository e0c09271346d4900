use std::sync::Arc;

use schema::{Position, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Ledger, LogRow, StoreError, TailConfig};

/// Consecutive rows of the log, complete: nothing between `after` and `through` will ever appear.
#[derive(Debug)]
pub struct Batch {
    /// In order of position.
    pub rows: Vec<LogRow>,
    /// Where the one before ended.
    pub after: Position,
    /// The last row's position.
    pub through: Position,
}

/// Who holds the log's end up, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// When the wait began.
    pub since: Timestamp,
    /// Each with its pid or prepared transaction's name, state and application.
    pub holders: Vec<String>,
}

/// What a subscriber gets next.
#[derive(Clone, Debug)]
pub enum TailStep {
    /// Rows that follow those before.
    Batch(Arc<Batch>),
    /// The subscriber was too slow: it reads for itself with [`Ledger::read`] up to the head, then listens again.
    Lagged,
    /// The tail has ended.
    Ended,
}

/// A place at the log's end.
pub struct Subscription {}

impl Subscription {
    /// The next step. Safe to drop and call again.
    pub async fn next(&mut self) -> TailStep {
        TailStep::Ended
    }
}

/// Follows the log's end, once per process, and hands each row on once, in order, with no gap.
pub struct Tail {
    head: watch::Receiver<Position>,
    blocked: watch::Receiver<Option<Blocked>>,
}

impl Tail {
    /// Starts at the log's end as it is now; what lies before is read with [`Ledger::read`] up to [`Tail::head`].
    ///
    /// # Errors
    /// [`StoreError::Standby`] on a standby; [`StoreError::Unavailable`].
    pub async fn start(
        ledger: &Arc<Ledger>,
        config: TailConfig,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let _ = (ledger, config, stop);
        Err(StoreError::Standby)
    }

    /// A place at the end. Subscribe first, then look at the head: what comes later arrives here.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription {}
    }

    /// The position up to which the log is complete.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    /// Who holds the tail up, when someone has for longer than the configured time.
    #[must_use]
    pub fn blocked(&self) -> watch::Receiver<Option<Blocked>> {
        self.blocked.clone()
    }

    /// Waits until the tail has stopped.
    pub async fn stopped(&self) {}
}
