use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnsweredVia, EntryMark, EventBody, OnTimeAnswer};
use crate::{
    AddressId, AggregateType, ChannelKind, DeliveryId, DestinationKey, DistributionId, Fault,
    Format, GrantId, GroupId, Planned, Receipt, RecipientId, ReportName, RetrySchedule,
    SubscriptionId, Timestamp, VersionName,
};

/// What is to be sent, to whom, on what grounds: the decision "planned", whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryPlan {
    /// The run it belongs to.
    pub distribution: DistributionId,
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
    /// To whom.
    pub recipient: RecipientId,
    /// How.
    pub channel: ChannelKind,
    /// Because of which subscription.
    pub subscription: SubscriptionId,
    /// As it stood then.
    pub subscription_version: u32,
    /// As a member of which group, where the subscription is a group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// By which grant.
    pub grant: GrantId,
    /// In which part of the plan; that event names the position read at.
    pub slice: u32,
    /// Which of the recipient's addresses.
    pub address: AddressId,
    /// Where sends end up, as a pseudonym.
    pub destination: DestinationKey,
    /// Which of the version's artifacts; all of them, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// When the version came in: latency counts from here.
    pub received_at: Timestamp,
    /// When it is no longer worth sending.
    pub deadline: Timestamp,
    /// When to try again.
    pub retry: RetrySchedule,
    /// The closed delivery this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend_of: Option<DeliveryId>,
    /// 0 for the planned delivery, then 1, 2, …: not counted in the distribution's sums.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resend: u32,
    /// When its first attempt is to begin, where that is not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What follows a failed attempt or one in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NextStep {
    /// Tried again, under the same idempotency key.
    RetryAt {
        /// Not before.
        at: Timestamp,
    },
    /// Given up: the delivery is closed.
    DeadLettered {
        /// Why no further try.
        reason: DeadLetterReason,
    },
    /// A person must say whether it arrived.
    Held,
}

/// Why a delivery is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterReason {
    /// This kind of failure does not pass.
    NotRetryable,
    /// All attempts are used.
    AttemptsExhausted,
    /// The next try would come after the deadline.
    DeadlinePassed,
    /// A person found that an attempt in doubt had not arrived, and none is left.
    ResolvedNotArrived,
}

impl DeadLetterReason {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRetryable => "not_retryable",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::DeadlinePassed => "deadline_passed",
            Self::ResolvedNotArrived => "resolved_not_arrived",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It worked: the delivery is closed as the receipt's proof says.
    Succeeded {
        /// What the other side answered.
        receipt: Receipt,
    },
    /// It did not.
    Failed {
        /// What went wrong.
        fault: Fault,
        /// What follows.
        next: NextStep,
    },
    /// It may have arrived.
    InDoubt {
        /// Where the trace ends: `lease_ended`, `smtp.data_unanswered`, ….
        code: String,
        /// What follows.
        next: NextStep,
    },
}

/// Why a delivery was called off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CancelReason {
    /// Someone asked for it.
    Requested {
        /// Why.
        reason: String,
    },
    /// The version was withdrawn.
    Withdrawn,
    /// A later version corrects it.
    Corrected,
}

impl CancelReason {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::Withdrawn => "withdrawn",
            Self::Corrected => "corrected",
        }
    }
}

/// Which rule held a delivery back at the moment of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressReason {
    /// The subscription ended.
    Unsubscribed,
    /// The subscription is paused.
    Paused,
    /// No valid grant covers the report any more.
    NotEntitled,
    /// The address was retired.
    AddressRetired,
    /// The recipient was retired or its data erased.
    RecipientRetired,
    /// The address is suppressed: mail to it came back, or was complained about.
    AddressSuppressed,
    /// The recipient is no member of the subscribed group any more.
    NotMember,
}

impl SuppressReason {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Paused => "paused",
            Self::NotEntitled => "not_entitled",
            Self::AddressRetired => "address_retired",
            Self::RecipientRetired => "recipient_retired",
            Self::AddressSuppressed => "address_suppressed",
            Self::NotMember => "not_member",
        }
    }
}

/// What a person found out about an attempt in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It had arrived: closed as accepted.
    Arrived,
    /// It had not: tried again if attempts are left.
    NotArrived,
}

/// What a feedback report says of a mail (RFC 5965 §7.3), where it is held against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complaint {
    /// Unsolicited: the recipient, or its provider, does not want it.
    Abuse,
    /// It looks like fraud or phishing.
    Fraud,
    /// A virus was found in it.
    Virus,
    /// Anything else: what RFC 5965 has unknown types count as.
    Other,
}

impl Complaint {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abuse => "abuse",
            Self::Fraud => "fraud",
            Self::Virus => "virus",
            Self::Other => "other",
        }
    }
}

/// What is learned after a delivery is closed, or beside its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// An attempt thought lost did work.
    LateSuccess {
        /// Which attempt.
        attempt: u32,
        /// What the other side answered.
        receipt: Receipt,
    },
    /// An attempt thought lost did not work.
    LateFailure {
        /// Which attempt.
        attempt: u32,
        /// What went wrong.
        fault: Fault,
    },
    /// The mail came back after it was accepted.
    Bounced {
        /// What went wrong.
        fault: Fault,
    },
    /// It was sent once more, as a delivery of its own.
    Resent {
        /// That delivery.
        delivery: DeliveryId,
        /// Which repetition, from 1.
        resend: u32,
    },
    /// Its recipient, or the recipient's provider, complained of it (RFC 5965).
    Complained {
        /// Of what.
        complaint: Complaint,
    },
    /// Something answered it by itself (RFC 3834): the mailbox is there. Not a bounce.
    AutoReplied,
    /// Its recipient said whether it came on time. The last answer counts.
    OnTimeAnswered {
        /// Whether it did.
        answer: OnTimeAnswer,
        /// Where the recipient was asked.
        via: AnsweredVia,
    },
}

/// What has happened to a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum DeliveryEvent {
    /// It was planned.
    DeliveryScheduled(DeliveryPlan),
    /// A send begins: recorded before anything leaves.
    AttemptStarted {
        /// Which, from 1.
        attempt: u32,
        /// The node that sends.
        node: String,
        /// Which revision of the address is used.
        address_revision: u32,
    },
    /// A send ended.
    AttemptEnded {
        /// Which.
        attempt: u32,
        /// When the first byte was about to leave; absent when it never came to that, or nobody knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_at: Option<Timestamp>,
        /// From then until the answer, in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elapsed_us: Option<u64>,
        /// How.
        outcome: AttemptOutcome,
    },
    /// A person settled an attempt in doubt.
    DoubtResolved {
        /// Which attempt.
        attempt: u32,
        /// What they found.
        resolution: Resolution,
        /// How they know.
        note: String,
        /// What follows when it had not arrived; absent when it had (the delivery is closed).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<NextStep>,
    },
    /// Its time was planned anew before its first attempt: what it goes by has changed.
    DeliveryRescheduled {
        /// When it is to begin now; at once, when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned: Option<Planned>,
    },
    /// It was called off.
    DeliveryCancelled {
        /// Why.
        reason: CancelReason,
    },
    /// Its deadline passed.
    DeliveryExpired {
        /// When that was.
        deadline: Timestamp,
    },
    /// A rule held it back at the moment of sending.
    DeliverySuppressed {
        /// Which.
        reason: SuppressReason,
    },
    /// Something was learned.
    EvidenceRecorded {
        /// What.
        evidence: Evidence,
    },
    /// The recipient did something with the entry in its inbox.
    EntryMarked {
        /// What.
        mark: EntryMark,
    },
}

impl EventBody for DeliveryEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Delivery;

    fn event_type(&self) -> &'static str {
        match self {
            Self::DeliveryScheduled(_) => "DeliveryScheduled",
            Self::AttemptStarted { .. } => "AttemptStarted",
            Self::AttemptEnded { .. } => "AttemptEnded",
            Self::DoubtResolved { .. } => "DoubtResolved",
            Self::DeliveryCancelled { .. } => "DeliveryCancelled",
            Self::DeliveryExpired { .. } => "DeliveryExpired",
            Self::DeliverySuppressed { .. } => "DeliverySuppressed",
            Self::EvidenceRecorded { .. } => "EvidenceRecorded",
            Self::EntryMarked { .. } => "EntryMarked",
            Self::DeliveryRescheduled { .. } => "DeliveryRescheduled",
        }
    }
}
