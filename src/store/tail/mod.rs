//! The tail: follows the log's end once per process and misses nothing, though positions are given out before their
//! transactions commit. No writer pays for it and no timeout guesses. It does not know who listens.

mod follow;
mod holders;
mod queries;

use std::sync::Arc;

use schema::{Position, Sha256, Timestamp};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{Ledger, LogRow, StoreError, TailConfig};
use follow::Follow;

pub(crate) use holders::{Holder, describe, log_holders};

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

/// The log is not the one that was followed: the last event handed on, which it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Its position.
    pub position: Position,
    /// Its hash.
    pub event_hash: Sha256,
}

/// What a subscriber gets next.
#[derive(Clone, Debug)]
pub enum TailStep {
    /// Rows that follow those before.
    Batch(Arc<Batch>),
    /// The subscriber was too slow and has missed some: it reads for itself with [`Ledger::read`] up to the head, then
    /// listens again. What comes next may overlap with what it read: batches say where they begin.
    Lagged,
    /// The tail has ended.
    Ended,
}

/// A place at the log's end.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Batch>>);

impl Subscription {
    /// The next step. Safe to drop and call again.
    pub async fn next(&mut self) -> TailStep {
        match self.0.recv().await {
            Ok(batch) => TailStep::Batch(batch),
            Err(broadcast::error::RecvError::Lagged(_)) => TailStep::Lagged,
            Err(broadcast::error::RecvError::Closed) => TailStep::Ended,
        }
    }
}

/// Follows the log's end, once per process, and hands each row on once, in order, with no gap.
pub struct Tail {
    // Weak by way of the channel: subscriptions end when the loop does.
    batches: broadcast::WeakSender<Arc<Batch>>,
    head: watch::Receiver<Position>,
    blocked: watch::Receiver<Option<Blocked>>,
    replaced: watch::Receiver<Option<Replaced>>,
}

impl Tail {
    /// Starts at the log's end as it is now; what lies before is read with [`Ledger::read`] up to [`Tail::head`].
    ///
    /// # Errors
    /// [`StoreError::Standby`] on a standby; [`StoreError::Unavailable`]. Later losses of the database are waited out.
    pub async fn start(
        ledger: &Arc<Ledger>,
        config: TailConfig,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let (batches, _) = broadcast::channel(config.buffer.max(1));
        let weak = batches.downgrade();
        let (head_sender, head) = watch::channel(Position::START);
        let (blocked_sender, blocked) = watch::channel(None);
        let (replaced_sender, replaced) = watch::channel(None);
        let mut follow =
            Follow::new(ledger, config, batches, head_sender, blocked_sender, replaced_sender)?;
        follow.find_end(&stop).await?;
        tokio::spawn(follow.run(stop));
        Ok(Self { batches: weak, head, blocked, replaced })
    }

    /// A place at the end. Subscribe first, then look at the head: what comes later arrives here.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(match self.batches.upgrade() {
            Some(batches) => batches.subscribe(),
            None => broadcast::channel(1).1,
        })
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

    /// Says when a log is found in the place of the one that was followed: an older backup was restored, or it is
    /// another database. From then on nothing is handed on.
    #[must_use]
    pub fn replaced(&self) -> watch::Receiver<Option<Replaced>> {
        self.replaced.clone()
    }

    /// Waits until the tail has stopped.
    pub async fn stopped(&self) {
        let mut head = self.head.clone();
        while head.changed().await.is_ok() {}
    }
}
