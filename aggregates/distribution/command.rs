use schema::events::{NotPlanned, OutcomeCounts, ReportVersion, SliceSums};
use schema::{Position, RecipientId, VersionName};

/// A planned part of a distribution, as the event tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Which part, from 0.
    pub slice: u32,
    /// The last recipient of the part before; the beginning, when absent.
    pub after: Option<RecipientId>,
    /// The last recipient of this part; the end of all, when absent.
    pub through: Option<RecipientId>,
    /// The log's position at which subscriptions were read.
    pub read_at: Position,
    /// What it adds up to.
    pub sums: SliceSums,
    /// The pairs that led to no delivery, one by one.
    pub decisions: Vec<NotPlanned>,
}

/// What intake, the planner, the owner and the reconciling reactor ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take a version in. Any number of times: it is one distribution.
    Receive(Box<ReportVersion>),
    /// Record a planned part, in the same transaction as its deliveries.
    PlanSlice(Slice),
    /// A later version corrects this one.
    MarkCorrected {
        /// That version.
        by: VersionName,
    },
    /// Take the version back.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// All deliveries are closed: settle the sums.
    Reconcile {
        /// How they ended.
        outcomes: OutcomeCounts,
    },
}
