use schema::{ChannelKind, DeliveryId, Invalid, Timestamp};

use super::Outcome;

/// Why a delivery does not take a step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such delivery.
    #[error("the delivery was never scheduled")]
    NotScheduled,
    /// It is scheduled, and otherwise.
    #[error("the delivery is already scheduled with another plan")]
    AlreadyScheduled,
    /// A delivery needs time to be sent in.
    #[error("the deadline {deadline} is not after the version's receipt at {received_at}")]
    DeadlineNotAfterReceipt {
        /// Its deadline.
        deadline: Timestamp,
        /// When the version came in.
        received_at: Timestamp,
    },
    /// Closed exactly once.
    #[error("the delivery is closed, as {outcome}")]
    Closed {
        /// How.
        outcome: Outcome,
    },
    /// One send at a time; and what has left cannot be called back.
    #[error("attempt {attempt} is under way")]
    AttemptUnderWay {
        /// Which.
        attempt: u32,
    },
    /// A person must say first whether it arrived.
    #[error("the delivery is held: whether attempt {attempt} arrived must be resolved first")]
    Held {
        /// The attempt in doubt.
        attempt: u32,
    },
    /// Attempts are limited by the plan's schedule.
    #[error("all {attempt_limit} attempts are used")]
    AttemptsExhausted {
        /// The limit.
        attempt_limit: u32,
    },
    /// What is too late is not sent.
    #[error("the deadline {deadline} has passed")]
    DeadlinePassed {
        /// The deadline.
        deadline: Timestamp,
    },
    /// It does not expire before its deadline.
    #[error("the deadline {deadline} is still to come")]
    DeadlineNotReached {
        /// The deadline.
        deadline: Timestamp,
    },
    /// No such attempt is under way or ever began.
    #[error("attempt {attempt} never began; there were {attempt_count}")]
    NoSuchAttempt {
        /// Which was named.
        attempt: u32,
        /// How many there were.
        attempt_count: u32,
    },
    /// The time of a first attempt can be moved only before it.
    #[error("the delivery's first attempt has begun: its time cannot be moved any more")]
    AlreadyBegun,
    /// Only what is in doubt can be resolved.
    #[error("attempt {attempt} is not in doubt")]
    NotInDoubt {
        /// Which was named.
        attempt: u32,
    },
    /// Evidence of this kind belongs to a closed delivery.
    #[error("the delivery is still open")]
    NotClosed,
    /// Only what was handed over can come back.
    #[error("the delivery was closed as {outcome}, not accepted; it cannot bounce")]
    NotAccepted {
        /// How it was closed.
        outcome: Outcome,
    },
    /// Only what was sent can be answered or complained of.
    #[error("no attempt of the delivery ever began; nothing can be said about it")]
    NeverSent,
    /// Repetitions are counted on the delivery that was planned.
    #[error("the delivery is itself a repetition; resend the original, {original}")]
    NotTheOriginal {
        /// The delivery that was planned.
        original: DeliveryId,
    },
    /// Repetitions are counted without gap.
    #[error("resend {expected} comes next, not {given}")]
    ResendOutOfOrder {
        /// The next number.
        expected: u32,
        /// The number given.
        given: u32,
    },
    /// Only an inbox has entries.
    #[error("the delivery went by {channel}: only what came to an inbox can be marked")]
    NotInInbox {
        /// How it went.
        channel: ChannelKind,
    },
    /// It never came to the inbox.
    #[error("the delivery was closed as {outcome}: it is in no inbox")]
    NotServed {
        /// How it was closed.
        outcome: Outcome,
    },
    /// What is to come back must come back later.
    #[error("the entry cannot be snoozed until {until}: that has passed")]
    SnoozeOver {
        /// The instant asked for.
        until: Timestamp,
    },
    /// What is put off for too long is forgotten.
    #[error("the entry cannot be snoozed until {until}: at most until {latest}")]
    SnoozeTooLong {
        /// The instant asked for.
        until: Timestamp,
        /// The last instant allowed.
        latest: Timestamp,
    },
}
