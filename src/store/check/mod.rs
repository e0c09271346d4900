//! The delivery queue against the log: is the to-do list what the events add up to? Folds with the caller's rules, page
//! by page; knows none of them.

mod compare;
mod mend;
mod queries;
mod streams;

use std::collections::BTreeMap;

use schema::{DeliveryId, RecordedEvent};

use crate::{Due, Ledger, QueueRow, StoreError};
use compare::{Held, compare};
use streams::StreamPages;

/// Differences kept, at most.
const MAX_DIFFERENCES: usize = 10_000;

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
        /// In which column: `lane`, `sequence`, `state`, `tenant`, `distribution`, `channel`, `destination` or
        /// `due_at`.
        column: &'static str,
        /// As the queue has it.
        queue: String,
        /// As the events say.
        events: String,
    },
}

impl QueueDifference {
    /// The delivery it is about.
    #[must_use]
    pub const fn delivery(&self) -> DeliveryId {
        match self {
            Self::Missing { delivery }
            | Self::Surplus { delivery }
            | Self::Differs { delivery, .. } => *delivery,
        }
    }
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
    /// again in one snapshot, so a busy system is not accused. `fold` gets one stream's events and gives its row, or
    /// nothing when the delivery is closed.
    ///
    /// # Errors
    /// [`StoreError::Codec`] when an event cannot be read; [`StoreError::Unavailable`].
    pub async fn queue_check(
        &self,
        fold: impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + Send + Sync,
    ) -> Result<QueueReport, StoreError> {
        let mut report = QueueReport::default();
        let mut suspects = Vec::new();
        let mut pages = StreamPages::new(&self.reads);
        while let Some((page, upto)) = pages.next().await? {
            let after = page.after;
            let mut expected = BTreeMap::new();
            for (delivery, events) in &page.streams {
                report.streams += 1;
                if let Some(folded) = fold(events) {
                    report.open += 1;
                    expected.insert(*delivery, folded);
                }
            }
            let queue = queries::rows_between(&self.reads, after, upto).await?;
            let queue: Result<Vec<Held>, _> = queue.into_iter().map(Held::try_from).collect();
            suspects.extend(compare(expected, queue?).iter().map(QueueDifference::delivery));
            if suspects.len() > MAX_DIFFERENCES {
                break;
            }
        }
        suspects.dedup();
        for delivery in suspects {
            let (held, events) = self.snapshot_of(delivery).await?;
            let folded = fold(&events).map(|folded| (delivery, folded));
            report.differences.extend(compare(folded.into_iter().collect(), held));
            if report.differences.len() >= MAX_DIFFERENCES {
                break;
            }
        }
        Ok(report)
    }
}
