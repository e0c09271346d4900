//! Units as the tests append them.

use schema::events::{AttemptOutcome, DeliveryEvent, TenantEvent};
use schema::{
    Actor, ChannelKind, DeliveryId, DestinationKey, DistributionId, LedgerEvent, Metadata,
    ReportName, StreamId, TenantId, VersionName,
};
use store::{Append, QueueRow, Unit};

pub fn tenant() -> TenantId {
    TenantId::try_new("acme").unwrap()
}

pub fn metadata() -> Metadata {
    Metadata::new(tenant(), Actor::new("node", "test"))
}

pub fn paused(reason: &str) -> LedgerEvent {
    TenantEvent::DispatchPaused { scope: schema::events::PauseScope::All, reason: reason.into() }
        .into()
}

pub fn stream(name: &str) -> StreamId {
    StreamId::tenant(&TenantId::try_new(name).unwrap())
}

pub fn append_to(name: &str, expected: i64, reasons: &[&str]) -> Append {
    let events = reasons.iter().map(|reason| paused(reason)).collect();
    Append { stream: stream(name), expected, events }
}

pub fn unit(appends: Vec<Append>) -> Unit {
    Unit { appends, ..Unit::new(metadata()) }
}

/// A unit of one event on one stream.
pub fn one(name: &str, expected: i64) -> Unit {
    unit(vec![append_to(name, expected, &["maintenance"])])
}

pub fn delivery(number: u32) -> DeliveryId {
    DeliveryId::from_uuid(uuid::Uuid::from_u128(
        0x0190_0000_0000_8000_8000_0000_0000_0000 + u128::from(number),
    ))
}

pub fn distribution() -> DistributionId {
    let report = ReportName::try_new("risk").unwrap();
    DistributionId::of(&tenant(), &report, &VersionName::try_new("1").unwrap())
}

pub fn queue_row(number: u32, lane: i16, sequence: i64) -> QueueRow {
    QueueRow {
        delivery: delivery(number),
        tenant: tenant(),
        distribution: distribution(),
        channel: ChannelKind::Webhook,
        destination: DestinationKey::try_new("d1").unwrap(),
        lane,
        sequence,
        state: format!("{{\"sequence\":{sequence}}}"),
        traceparent: None,
    }
}

pub fn started(number: u32, expected: i64, attempt: u32) -> Append {
    let event = DeliveryEvent::AttemptStarted { attempt, node: "test".into(), address_revision: 1 };
    Append { stream: StreamId::delivery(delivery(number)), expected, events: vec![event.into()] }
}

pub fn in_doubt(number: u32, expected: i64, attempt: u32) -> Append {
    let event = DeliveryEvent::AttemptEnded {
        attempt,
        sent_at: None,
        elapsed_us: None,
        outcome: AttemptOutcome::InDoubt {
            code: "lease_ended".into(),
            next: schema::events::NextStep::Held,
        },
    };
    Append { stream: StreamId::delivery(delivery(number)), expected, events: vec![event.into()] }
}
