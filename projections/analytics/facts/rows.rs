use std::sync::Arc;

use schema::events::{DeliveryPlan, SliceSums};
use schema::{LedgerEvent, Position, ReportName, Timestamp, VersionName};

/// An event as it is stored, with what it is about where that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Where it stands in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Which stream of that kind.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its name.
    pub event_type: String,
    /// The version it was written with.
    pub event_version: String,
    /// The exact bytes of its payload.
    pub payload: String,
    /// The exact bytes of its metadata.
    pub metadata: String,
    /// Who caused it.
    pub actor: String,
    /// What it is about.
    pub subject: Subject,
}

/// What an event is about, in names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// Of which delivery, when it is one's.
    pub plan: Option<Arc<DeliveryPlan>>,
    /// About which report.
    pub report: Option<String>,
    /// About which version.
    pub version: Option<String>,
    /// About whom.
    pub recipient: Option<String>,
}

impl Subject {
    /// What an event of another kind than a delivery's says it is about.
    #[must_use]
    pub fn of(event: &LedgerEvent, local_id: &str) -> Self {
        use schema::events::DistributionEvent::ReportReceived;
        use schema::events::GroupEvent::{MemberAdded, MemberRemoved};
        use schema::events::SubscriptionEvent::{
            GroupSubscribed, GroupSubscriptionChanged, MemberOptedIn, MemberOptedOut, Subscribed,
            SubscriptionChanged,
        };
        let named = Some(local_id.to_owned());
        match event {
            LedgerEvent::Report(_) => Self { report: named, ..Self::default() },
            LedgerEvent::Recipient(_) => Self { recipient: named, ..Self::default() },
            LedgerEvent::Subscription(
                Subscribed { body, .. } | SubscriptionChanged { body, .. },
            ) => {
                let report = Some(body.selector.report.to_string());
                let recipient = Some(body.recipient.to_string());
                Self { report, recipient, ..Self::default() }
            }
            LedgerEvent::Subscription(
                GroupSubscribed { body, .. } | GroupSubscriptionChanged { body, .. },
            ) => Self { report: Some(body.selector.report.to_string()), ..Self::default() },
            LedgerEvent::Subscription(
                MemberOptedOut { recipient, .. } | MemberOptedIn { recipient, .. },
            ) => Self { recipient: Some(recipient.to_string()), ..Self::default() },
            LedgerEvent::Group(MemberAdded { member } | MemberRemoved { member }) => {
                let recipient = member.recipient().map(ToString::to_string);
                Self { recipient, ..Self::default() }
            }
            LedgerEvent::Distribution(ReportReceived(version)) => Self {
                report: Some(version.report.to_string()),
                version: Some(version.version.to_string()),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// What a delivery's event is about.
    #[must_use]
    pub fn of_plan(plan: &Arc<DeliveryPlan>) -> Self {
        Self { plan: Some(Arc::clone(plan)), ..Self::default() }
    }
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryFact {
    /// Which delivery.
    pub delivery: String,
    /// What was to be sent, to whom, on what grounds.
    pub plan: Arc<DeliveryPlan>,
    /// `delivered`, `accepted`, `dead_lettered`, `cancelled`, `expired`, `suppressed`.
    pub outcome: &'static str,
    /// Why, where the outcome has reasons.
    pub reason: Option<&'static str>,
    /// Attempts started.
    pub attempts: u32,
    /// Attempts that ended in doubt.
    pub doubts: u32,
    /// Class and code of the last failure or doubt.
    pub fault: Option<(&'static str, String)>,
    /// When it was planned, by the database's clock.
    pub scheduled_at: Timestamp,
    /// When the first byte was about to leave.
    pub first_sent_at: Option<Timestamp>,
    /// How long the other side took at the last attempt that was timed, in microseconds.
    pub elapsed_us: Option<u64>,
    /// Bytes sent, as the receipt says.
    pub content_bytes: Option<u64>,
    /// When it ended, by the database's clock.
    pub closed_at: Timestamp,
    /// The event that planned it.
    pub scheduled_position: Position,
    /// The event that closed it.
    pub position: Position,
}

/// An attempt that failed, or whose end nobody knows.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptFact {
    /// Of which delivery.
    pub delivery: String,
    /// What was to be sent.
    pub plan: Arc<DeliveryPlan>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// `failed` or `in_doubt`.
    pub result: &'static str,
    /// [`schema::FailureClass`]'s name.
    pub class: &'static str,
    /// The taxonomy's name for it.
    pub code: String,
    /// What followed: `retry`, `held`, `dead_lettered`.
    pub next: &'static str,
    /// When the first byte was about to leave.
    pub sent_at: Option<Timestamp>,
    /// From then until the answer, in microseconds.
    pub elapsed_us: Option<u64>,
    /// When it ended, by the database's clock.
    pub recorded_at: Timestamp,
    /// The event.
    pub position: Position,
}

/// What was learned of a delivery beside its course, or after it.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceFact {
    /// Of which delivery.
    pub delivery: String,
    /// What was sent.
    pub plan: Arc<DeliveryPlan>,
    /// `bounced`, `late_success`, `late_failure`, `resent`.
    pub kind: &'static str,
    /// Class and code, where it speaks of a failure.
    pub fault: Option<(&'static str, String)>,
    /// How the delivery had ended by then.
    pub outcome: Option<&'static str>,
    /// When it had ended.
    pub closed_at: Option<Timestamp>,
    /// When it was learned, by the database's clock.
    pub recorded_at: Timestamp,
    /// The event.
    pub position: Position,
}

/// What a slice of a plan adds up to.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceFact {
    /// Of which distribution.
    pub distribution: String,
    /// Of which report.
    pub report: ReportName,
    /// Of which version.
    pub version: VersionName,
    /// Which slice, from 0.
    pub slice: u32,
    /// Whether it is the last one.
    pub is_last: bool,
    /// considered = planned + not planned, by reason.
    pub sums: SliceSums,
    /// When it was planned, by the database's clock.
    pub recorded_at: Timestamp,
    /// The event.
    pub position: Position,
}

/// A row of one of the fact tables.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A delivery ended.
    Delivery(DeliveryFact),
    /// An attempt went wrong.
    Attempt(AttemptFact),
    /// Something was learned.
    Evidence(EvidenceFact),
    /// Part of a plan was made.
    Slice(SliceFact),
}
