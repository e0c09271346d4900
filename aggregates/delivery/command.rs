use schema::events::{CancelReason, DeliveryPlan, EntryMark, Evidence, Resolution, SuppressReason};
use schema::{Fault, Planned, Receipt, Timestamp};

/// How a send went, as its sender tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptResult {
    /// It worked.
    Succeeded(Receipt),
    /// It did not. A fault of class in-doubt counts as [`Self::InDoubt`] with its code.
    Failed(Fault),
    /// It may have arrived.
    InDoubt {
        /// Where the trace ends.
        code: String,
    },
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// Which attempt.
    pub attempt: u32,
    /// When the first byte was about to leave, if it came to that.
    pub sent_at: Option<Timestamp>,
    /// From then until the answer, in microseconds.
    pub elapsed_us: Option<u64>,
    /// How it went.
    pub result: AttemptResult,
    /// The time of the end: waits count from here.
    pub now: Timestamp,
    /// A random number, even over all of `u64`, for the wait.
    pub draw: u64,
}

/// What the planner, dispatch, reactors and people ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Plan it.
    Schedule(Box<DeliveryPlan>),
    /// Have its first attempt begin at another time.
    Reschedule {
        /// When; at once, when absent.
        planned: Option<Planned>,
    },
    /// A send begins.
    StartAttempt {
        /// The node that sends.
        node: String,
        /// Which revision of the address it uses.
        address_revision: u32,
        /// The time it begins.
        now: Timestamp,
    },
    /// A send ended.
    EndAttempt(AttemptEnd),
    /// A sender's lease ended without a word: it may have arrived.
    LoseAttempt {
        /// Which attempt.
        attempt: u32,
        /// The time this is found.
        now: Timestamp,
        /// A random number, even over all of `u64`, for the wait.
        draw: u64,
    },
    /// What was recorded of it may be lost, a send included: nobody knows, so a person must say.
    DoubtAfterLoss {
        /// Who puts it in doubt.
        node: String,
    },
    /// A person found out about an attempt in doubt.
    ResolveDoubt {
        /// Which attempt.
        attempt: u32,
        /// What they found.
        resolution: Resolution,
        /// How they know.
        note: String,
        /// The time of the finding: waits count from here.
        now: Timestamp,
        /// A random number, even over all of `u64`, for the wait.
        draw: u64,
    },
    /// Call it off.
    Cancel {
        /// The attempt under way, when its own sender asks before anything has left; else absent.
        attempt: Option<u32>,
        /// Why.
        reason: CancelReason,
    },
    /// Its deadline has passed.
    Expire {
        /// The attempt under way, when its own sender asks before anything has left; else absent.
        attempt: Option<u32>,
        /// The time.
        now: Timestamp,
    },
    /// A rule holds it back at the moment of sending.
    Suppress {
        /// The attempt under way, when its own sender asks before anything has left; else absent.
        attempt: Option<u32>,
        /// Which rule.
        reason: SuppressReason,
    },
    /// Something was learned of a closed delivery. Late ends of attempts come by [`Self::EndAttempt`], too, where it
    /// does not matter whether the delivery is closed.
    RecordEvidence {
        /// What.
        evidence: Evidence,
    },
    /// The recipient did something with the entry in its inbox.
    MarkEntry {
        /// What.
        mark: EntryMark,
        /// The time.
        now: Timestamp,
    },
}
