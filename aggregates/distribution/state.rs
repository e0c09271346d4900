use schema::events::{OutcomeCounts, ReportVersion, SliceSums};
use schema::{RecipientId, VersionName};
use serde::{Deserialize, Serialize};

use super::Event;

/// How far the plan has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planning {
    /// Recipients are still to be looked at.
    Open {
        /// The part that comes next.
        next_slice: u32,
        /// Behind which recipient it begins; at the beginning, when absent.
        after: Option<RecipientId>,
    },
    /// All were looked at.
    Complete {
        /// In how many parts.
        slice_count: u32,
    },
    /// And every delivery is closed.
    Reconciled {
        /// In how many parts.
        slice_count: u32,
        /// How they ended.
        outcomes: OutcomeCounts,
    },
}

/// A version that was received, and its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version.
    pub version: ReportVersion,
    /// How far the plan has come.
    pub planning: Planning,
    /// What the parts add up to.
    pub sums: SliceSums,
    /// The version that corrects it.
    pub corrected_by: Option<VersionName>,
    /// Whether its owner took it back; a corrected version may be.
    pub withdrawn: bool,
}

/// Where a distribution stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// No such version came in.
    #[default]
    Unknown,
    /// It came in.
    Received(Box<Run>),
}

impl Distribution {
    /// The version and its plan, once received.
    #[must_use]
    pub const fn run(&self) -> Option<&Run> {
        match self {
            Self::Unknown => None,
            Self::Received(run) => Some(run),
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        match (event, &mut *self) {
            (Event::ReportReceived(version), _) => {
                *self = Self::Received(Box::new(Run {
                    version: version.clone(),
                    planning: Planning::Open { next_slice: 0, after: None },
                    sums: SliceSums::default(),
                    corrected_by: None,
                    withdrawn: false,
                }));
            }
            (event, Self::Received(run)) => run.evolve(event),
            (_, Self::Unknown) => {}
        }
    }
}

impl Run {
    fn evolve(&mut self, event: &Event) {
        match event {
            Event::ReportReceived(_) => {}
            Event::SlicePlanned { slice, through, sums, .. } => {
                let done = slice.saturating_add(1);
                self.planning = match through {
                    Some(last) => Planning::Open { next_slice: done, after: Some(last.clone()) },
                    None => Planning::Complete { slice_count: done },
                };
                self.add(sums);
            }
            Event::VersionCorrected { by } => self.corrected_by = Some(by.clone()),
            Event::VersionWithdrawn { .. } => self.withdrawn = true,
            Event::DistributionReconciled { outcomes, .. } => {
                let slice_count = self.slice_count();
                self.planning = Planning::Reconciled { slice_count, outcomes: *outcomes };
            }
        }
    }

    const fn slice_count(&self) -> u32 {
        match self.planning {
            Planning::Open { next_slice, .. } => next_slice,
            Planning::Complete { slice_count } | Planning::Reconciled { slice_count, .. } => {
                slice_count
            }
        }
    }

    fn add(&mut self, slice: &SliceSums) {
        self.sums.considered = self.sums.considered.saturating_add(slice.considered);
        self.sums.planned = self.sums.planned.saturating_add(slice.planned);
        for (reason, count) in &slice.not_planned {
            let sum = self.sums.not_planned.entry(*reason).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}
