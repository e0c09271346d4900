use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryState {
    /// Planned, not yet tried.
    Scheduled,
    /// A send is under way.
    Attempting,
    /// The last attempt failed, another follows.
    Retrying,
    /// The last attempt may have arrived; another follows under the same idempotency key.
    InDoubt,
    /// The last attempt may have arrived; a person must say.
    Held,
    /// It ended.
    Closed,
}

impl DeliveryState {
    /// Its name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Attempting => "attempting",
            Self::Retrying => "retrying",
            Self::InDoubt => "in_doubt",
            Self::Held => "held",
            Self::Closed => "closed",
        }
    }
}

/// How a delivery ended. A bounce leaves it accepted and is told apart by `bounced_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The receiver confirmed it.
    Delivered,
    /// Handed over.
    Accepted,
    /// Given up.
    DeadLettered,
    /// Called off.
    Cancelled,
    /// Too late.
    Expired,
    /// Held back by a rule at the moment of sending.
    Suppressed,
}

impl DeliveryOutcome {
    /// Its name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::DeadLettered => "dead_lettered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
        }
    }
}

/// A delivery: one report version to one recipient on one channel.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct DeliveryRow {
    /// Which.
    pub delivery: Uuid,
    /// Whose.
    pub tenant: String,
    /// Of which run.
    pub distribution: Uuid,
    /// Which report.
    pub report: String,
    /// Which version.
    pub version: String,
    /// To whom.
    pub recipient: String,
    /// How ([`schema::ChannelKind`]'s name).
    pub channel: String,
    /// Where sends end up, as a pseudonym.
    pub destination: String,
    /// To which of the recipient's addresses.
    pub address: String,
    /// Because of which subscription.
    pub subscription: String,
    /// As it stood then.
    pub subscription_version: i64,
    /// By which grant.
    pub grant_id: String,
    /// In which part of the plan.
    pub slice: i64,
    /// Which artifact ([`schema::Format`]'s name); all of them, when absent.
    pub format: Option<String>,
    /// The delivery it repeats.
    pub resend_of: Option<Uuid>,
    /// 0 when planned, then counts repetitions.
    pub resend: i64,
    /// When it was planned.
    pub scheduled_at: DateTime<Utc>,
    /// When the version came in: latency counts from here.
    pub received_at: DateTime<Utc>,
    /// When it is no longer worth sending.
    pub deadline: DateTime<Utc>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// Where it stands.
    pub state: DeliveryState,
    /// How it ended; absent while it is open.
    pub outcome: Option<DeliveryOutcome>,
    /// Why it was given up, called off or held back, by the event's name for it.
    pub reason: Option<String>,
    /// Attempts begun.
    pub attempts: i64,
    /// The node of the last one.
    pub node: Option<String>,
    /// Class of the last failure or doubt ([`schema::FailureClass`]'s name); kept when a later attempt works.
    pub fault_class: Option<String>,
    /// The taxonomy's name for it.
    pub fault_code: Option<String>,
    /// When it is tried again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the first byte left.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// From receipt of the version until then, in microseconds.
    pub latency_us: Option<i64>,
    /// How long the other side took to answer the last attempt that sent something, in microseconds.
    pub elapsed_us: Option<i64>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// When it came back after it was accepted.
    pub bounced_at: Option<DateTime<Utc>>,
    /// The last event of its stream.
    pub last_position: i64,
}
