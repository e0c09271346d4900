use std::collections::{HashMap, VecDeque};

use schema::events::{CancelReason, DistributionEvent};
use schema::{DistributionId, StreamId};

/// So many withdrawn or corrected versions are remembered, the newest ones: people withdraw versions, and none is open
/// for longer than its deadline.
pub const MAX_STOPS: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Corrected,
    Withdrawn,
}

/// Versions of which nothing more is sent. Needs no sequence: whatever the order, the sum is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Stops {
    by_distribution: HashMap<DistributionId, Stop>,
    in_order: VecDeque<DistributionId>,
}

/// The order in which they came decides only what is forgotten first.
impl PartialEq for Stops {
    fn eq(&self, other: &Self) -> bool {
        self.by_distribution == other.by_distribution
    }
}

impl Stops {
    pub(super) fn apply(&mut self, stream: &StreamId, event: &DistributionEvent) {
        let stop = match event {
            DistributionEvent::VersionCorrected { .. } => Stop::Corrected,
            DistributionEvent::VersionWithdrawn { .. } => Stop::Withdrawn,
            DistributionEvent::ReportReceived(_)
            | DistributionEvent::SlicePlanned { .. }
            | DistributionEvent::DistributionReconciled { .. } => return,
        };
        if let Ok(distribution) = stream.aggregate_id.parse() {
            self.note(distribution, stop);
        }
    }

    /// A withdrawal outweighs a correction.
    fn note(&mut self, distribution: DistributionId, stop: Stop) {
        if let Some(known) = self.by_distribution.get_mut(&distribution) {
            if stop == Stop::Withdrawn {
                *known = stop;
            }
            return;
        }
        if self.in_order.len() >= MAX_STOPS
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_distribution.remove(&oldest);
        }
        self.in_order.push_back(distribution);
        self.by_distribution.insert(distribution, stop);
    }

    pub(super) fn reason(&self, distribution: DistributionId) -> Option<CancelReason> {
        self.by_distribution.get(&distribution).map(|stop| match stop {
            Stop::Corrected => CancelReason::Corrected,
            Stop::Withdrawn => CancelReason::Withdrawn,
        })
    }
}
