use chrono::{DateTime, Utc};
use projections::deliveries::{DeliveryOutcome, DeliveryRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::rest::words::ChannelWord;

/// One report version to one recipient on one channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    delivery: String,
    /// Of which run.
    distribution: String,
    /// Which report.
    report: String,
    /// Which version.
    version: String,
    /// To whom.
    recipient: String,
    /// How.
    #[schema(value_type = ChannelWord)]
    channel: String,
    /// Where sends end up, as a pseudonym: what a pause names.
    destination: String,
    /// To which of the recipient's addresses.
    address: String,
    /// Because of which subscription.
    subscription: String,
    /// As it stood then.
    subscription_version: i64,
    /// By which grant.
    grant: String,
    /// Where it stands: `scheduled`, `attempting`, `retrying`, `in_doubt`, `held` or `closed`.
    #[schema(example = "closed")]
    state: &'static str,
    /// How it ended: `delivered`, `accepted`, `dead_lettered`, `cancelled`, `expired` or `suppressed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "delivered")]
    outcome: Option<&'static str>,
    /// Why it was given up, called off or held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Attempts begun.
    attempts: i64,
    /// Class of the last failure or doubt.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_class: Option<String>,
    /// The taxonomy's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http.503")]
    fault_code: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<DateTime<Utc>>,
    /// When the version came in.
    received_at: DateTime<Utc>,
    /// When it is no longer worth sending.
    deadline: DateTime<Utc>,
    /// From receipt of the version until the first byte left, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_us: Option<i64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
    /// When it came back after it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounced_at: Option<DateTime<Utc>>,
    /// The delivery it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<String>,
    /// Where its last event lies: the ETag's number.
    last_position: i64,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            delivery: row.delivery.to_string(),
            distribution: row.distribution.to_string(),
            report: row.report,
            version: row.version,
            recipient: row.recipient,
            channel: row.channel,
            destination: row.destination,
            address: row.address,
            subscription: row.subscription,
            subscription_version: row.subscription_version,
            grant: row.grant_id,
            state: row.state.as_str(),
            outcome: row.outcome.map(DeliveryOutcome::as_str),
            reason: row.reason,
            attempts: row.attempts,
            fault_class: row.fault_class,
            fault_code: row.fault_code,
            next_attempt_at: row.next_attempt_at,
            received_at: row.received_at,
            deadline: row.deadline,
            latency_us: row.latency_us,
            closed_at: row.closed_at,
            bounced_at: row.bounced_at,
            resend_of: row.resend_of.map(|id| id.to_string()),
            last_position: row.last_position,
        }
    }
}
