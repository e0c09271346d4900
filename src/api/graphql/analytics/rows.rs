use async_graphql::SimpleObject;
use schema::{Position, Timestamp};
use serde::{Deserialize, Deserializer, de};

use crate::graphql::scalars::{Count, Instant, LogPosition};

impl<'de> Deserialize<'de> for LogPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Position::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// DuckDB writes `2026-11-25 10:00:00.25`, in UTC.
impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: Timestamp =
            format!("{}Z", text.replacen(' ', "T", 1)).parse().map_err(de::Error::custom)?;
        Ok(Self(at))
    }
}

/// An event, without its payload: `stream` of the timeline or `/v1/events` has it.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct AuditRow {
    /// Its place in the log.
    pub position: LogPosition,
    /// When the database took it.
    pub recorded_at: Instant,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Which stream.
    pub aggregate_id: String,
    /// Its place there, from 1.
    pub sequence: Count,
    /// Its name.
    pub event_type: String,
    /// The version it was written with.
    pub event_version: String,
    /// Who caused it.
    pub actor: String,
    /// About which report.
    pub report: Option<String>,
    /// About which version.
    pub version: Option<String>,
    /// About whom, a pseudonym.
    pub recipient: Option<String>,
    /// On which channel.
    pub channel: Option<String>,
    /// To which destination, a pseudonym.
    pub destination: Option<String>,
}

/// How deliveries ended and how long they took.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct PerformanceRow {
    /// On this channel, when asked by it.
    pub channel: Option<String>,
    /// Of this report, when asked by it.
    pub report: Option<String>,
    /// To this destination, when asked by it.
    pub destination: Option<String>,
    /// Closed in this hour, when asked by it.
    pub hour: Option<Instant>,
    /// How many.
    pub closed: Count,
    /// The receiver confirmed it.
    pub delivered: Count,
    /// Handed over.
    pub accepted: Count,
    /// Given up.
    pub dead_lettered: Count,
    /// Called off.
    pub cancelled: Count,
    /// Too late.
    pub expired: Count,
    /// Held back by a rule.
    pub suppressed: Count,
    /// Of those accepted: came back.
    pub bounced: Count,
    /// Attempts started.
    pub attempts: Count,
    /// Deliveries of which something was sent.
    pub sent: Count,
    /// Median from receipt to the first byte, in microseconds.
    pub p50_us: Option<Count>,
    /// 95 % within.
    pub p95_us: Option<Count>,
    /// 99 % within.
    pub p99_us: Option<Count>,
    /// The slowest.
    pub max_us: Option<Count>,
    /// Median of the other side's time, in microseconds.
    pub remote_p50_us: Option<Count>,
    /// 95 % within.
    pub remote_p95_us: Option<Count>,
    /// 99 % within.
    pub remote_p99_us: Option<Count>,
    /// The first event that closed one.
    pub first_position: LogPosition,
    /// The last one.
    pub last_position: LogPosition,
}

/// How well a channel works.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct EffectivenessRow {
    /// Which.
    pub channel: String,
    /// Deliveries that closed.
    pub closed: Count,
    /// Of them: delivered, accepted, dead-lettered or expired.
    pub tried: Count,
    /// The receiver confirmed it.
    pub delivered: Count,
    /// Handed over.
    pub accepted: Count,
    /// Of those accepted: came back.
    pub bounced: Count,
    /// Delivered or accepted and not come back.
    pub reached: Count,
    /// reached ÷ tried.
    pub rate: Option<f64>,
    /// Lower end of its interval.
    pub rate_low: Option<f64>,
    /// Upper end of its interval.
    pub rate_high: Option<f64>,
    /// The rate at all deliveries' mix of reports.
    pub adjusted_rate: Option<f64>,
    /// The share of that mix that the channel has.
    pub coverage: Option<f64>,
    /// Attempts a delivery.
    pub attempts_each: Option<f64>,
    /// Median from receipt to the close of those delivered or accepted, in microseconds.
    pub close_p50_us: Option<Count>,
    /// 95 % within.
    pub close_p95_us: Option<Count>,
}

/// An hour of the week.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct PatternRow {
    /// 1 is Monday.
    pub weekday: Count,
    /// 0 to 23, UTC.
    pub hour: Count,
    /// Deliveries of versions that came in then.
    pub closed: Count,
    /// Delivered or accepted.
    pub succeeded: Count,
    /// Took more than one attempt.
    pub retried: Count,
    /// Median from receipt to the first byte, in microseconds.
    pub p50_us: Option<Count>,
    /// 99 % within.
    pub p99_us: Option<Count>,
}

/// Attempts that failed alike.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct FailureClusterRow {
    /// What can be done about it.
    pub fault_class: String,
    /// Where, a pseudonym.
    pub destination: String,
    /// When.
    pub hour: Instant,
    /// How many.
    pub attempts: Count,
    /// Of how many deliveries.
    pub deliveries: Count,
    /// Of them given up.
    pub dead_lettered: Count,
    /// The taxonomy's name of one.
    pub code: String,
    /// How many different ones.
    pub codes: Count,
    /// The first event.
    pub first_position: LogPosition,
    /// The last one.
    pub last_position: LogPosition,
}

/// The sums of a distribution.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct CompletenessRow {
    /// Which.
    pub distribution: String,
    /// Of which report.
    pub report: String,
    /// Of which version.
    pub version: String,
    /// Whether its plan is whole.
    pub is_planned: bool,
    /// Pairs looked at.
    pub considered: Count,
    /// Pairs that led to a delivery.
    pub planned: Count,
    /// Pairs that did not.
    pub not_planned: Count,
    /// Of them: attributes differ.
    pub not_attributes_differ: Count,
    /// Of them: paused.
    pub not_paused: Count,
    /// Of them: not entitled.
    pub not_not_entitled: Count,
    /// Of them: no address.
    pub not_no_address: Count,
    /// Of them: no format.
    pub not_no_format: Count,
    /// Of them: same delivery.
    pub not_same_delivery: Count,
    /// Of them: recipient retired.
    pub not_recipient_retired: Count,
    /// Of them: withdrawn.
    pub not_withdrawn: Count,
    /// The receiver confirmed it.
    pub delivered: Count,
    /// Handed over.
    pub accepted: Count,
    /// Given up.
    pub dead_lettered: Count,
    /// Called off.
    pub cancelled: Count,
    /// Too late.
    pub expired: Count,
    /// Held back by a rule.
    pub suppressed: Count,
    /// Not closed.
    pub open: Count,
    /// Whether the sums hold and nothing is open.
    pub closes: bool,
    /// The event that planned its first slice.
    pub position: LogPosition,
}

/// A closed delivery, with the events that planned and closed it.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct ClosedDeliveryRow {
    /// Which.
    pub delivery: String,
    /// Of which distribution.
    pub distribution: String,
    /// Of which report.
    pub report: String,
    /// Of which version.
    pub version: String,
    /// To whom, a pseudonym.
    pub recipient: String,
    /// How.
    pub channel: String,
    /// Where to, a pseudonym.
    pub destination: String,
    /// Because of which subscription.
    pub subscription: String,
    /// As it stood then.
    pub subscription_version: Count,
    /// By which grant.
    pub grant_id: String,
    /// How it ended.
    pub outcome: String,
    /// Why, where there are reasons.
    pub reason: Option<String>,
    /// Attempts started.
    pub attempts: Count,
    /// Attempts that ended in doubt.
    pub doubts: Count,
    /// Class of the last failure.
    pub fault_class: Option<String>,
    /// Its code.
    pub fault_code: Option<String>,
    /// When the version came in.
    pub received_at: Instant,
    /// When the first byte was about to leave.
    pub first_sent_at: Option<Instant>,
    /// When it ended.
    pub closed_at: Instant,
    /// From receipt to the first byte, in microseconds.
    pub latency_us: Option<f64>,
    /// The event that planned it.
    pub scheduled_position: LogPosition,
    /// The event that closed it.
    pub position: LogPosition,
}

/// An attempt that failed or is in doubt, with its event.
#[derive(Clone, Debug, SimpleObject, Deserialize)]
pub struct FailedAttemptRow {
    /// Of which delivery.
    pub delivery: String,
    /// Of which distribution.
    pub distribution: String,
    /// Of which report.
    pub report: String,
    /// Of which version.
    pub version: String,
    /// To whom, a pseudonym.
    pub recipient: String,
    /// How.
    pub channel: String,
    /// Where to, a pseudonym.
    pub destination: String,
    /// Which, from 1.
    pub attempt: Count,
    /// `failed` or `in_doubt`.
    pub result: String,
    /// What can be done about it.
    pub fault_class: String,
    /// The taxonomy's name for it.
    pub fault_code: String,
    /// What followed: `retry`, `held`, `dead_lettered`.
    pub next: String,
    /// When the first byte was about to leave.
    pub sent_at: Option<Instant>,
    /// From then until the answer, in microseconds.
    pub elapsed_us: Option<Count>,
    /// When it ended.
    pub recorded_at: Instant,
    /// The event.
    pub position: LogPosition,
}
