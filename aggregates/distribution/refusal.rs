use schema::{Invalid, RecipientId, ReportName, Sha256, Timestamp, VersionName};

/// Why a version or a part of its plan is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The digest does not follow from what it is said to digest.
    #[error(
        "the version's digest is said to be {said}, but its attributes and artifacts give {found}"
    )]
    DigestWrong {
        /// As the publisher says.
        said: Sha256,
        /// As computed.
        found: Sha256,
    },
    /// The same version never means two things.
    #[error(
        "version {version} of {report} was received with digest {known} and now comes with {given}; publish what \
         changed as a new version that names this one in `corrects`"
    )]
    DigestDiffers {
        /// Which report.
        report: ReportName,
        /// Which version.
        version: VersionName,
        /// The digest it was received with.
        known: Sha256,
        /// The digest it comes with now.
        given: Sha256,
    },
    /// A version needs time to be delivered in.
    #[error("the deadline {deadline} is not after the receipt at {received_at}")]
    DeadlineNotAfterReceipt {
        /// Its deadline.
        deadline: Timestamp,
        /// When it came in.
        received_at: Timestamp,
    },
    /// A correction is a version of its own.
    #[error("version {version} cannot correct itself")]
    CorrectsItself {
        /// Which version.
        version: VersionName,
    },
    /// One correction follows a version; the next corrects that one.
    #[error("the version was already corrected by {by}; correct that one")]
    AlreadyCorrected {
        /// The correction.
        by: VersionName,
    },
    /// The version is unknown.
    #[error("the version was never received")]
    NotReceived,
    /// The plan has reached the end of all recipients.
    #[error("the plan is complete with {slice_count} slices")]
    PlanComplete {
        /// How many parts it has.
        slice_count: u32,
    },
    /// Parts follow one another without gap or overlap.
    #[error(
        "slice {expected} after {} comes next, not slice {given} after {}",
        told(.expected_after), told(.given_after)
    )]
    SliceOutOfOrder {
        /// The part that comes next.
        expected: u32,
        /// Where it begins.
        expected_after: Option<RecipientId>,
        /// The part given.
        given: u32,
        /// Where that begins.
        given_after: Option<RecipientId>,
    },
    /// A part ends behind its beginning.
    #[error("the slice ends at {through}, which is not behind its beginning")]
    RangeNotGrowing {
        /// Where it was to end.
        through: RecipientId,
    },
    /// considered = planned + not planned, and each one not planned has its decision.
    #[error(
        "{considered} considered are not {planned} planned and {not_planned} not planned with {decisions} decisions"
    )]
    SliceSumsDiffer {
        /// Pairs looked at.
        considered: u64,
        /// Pairs that led to a delivery.
        planned: u64,
        /// Pairs that did not.
        not_planned: u64,
        /// Decisions told.
        decisions: u64,
    },
    /// Nothing is settled while recipients are still to be looked at.
    #[error("the plan is not complete: slice {next_slice} comes next")]
    PlanOpen {
        /// The part that comes next.
        next_slice: u32,
    },
    /// planned = sum over outcomes.
    #[error("{planned} deliveries were planned, but {closed} are closed")]
    OutcomesDiffer {
        /// Deliveries planned.
        planned: u64,
        /// Deliveries closed.
        closed: u64,
    },
    /// The sums are settled once.
    #[error("the distribution was already reconciled with other outcomes")]
    AlreadyReconciled,
}

fn told(after: &Option<RecipientId>) -> &str {
    after.as_ref().map_or("the beginning", RecipientId::as_str)
}
