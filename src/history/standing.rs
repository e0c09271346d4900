use aggregates::{Decider, delivery, distribution, recipient, subscription};
use schema::{
    Actor, AggregateType, Invalid, LedgerEvent, Position, RecordedEvent, StreamId, TenantId,
    Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use store::Ledger;

use crate::HistoryError;
use crate::pages::{Pages, Source};

/// The stream of something that has a history: a subscription, a recipient, a distribution or a delivery.
///
/// # Errors
/// [`Invalid`] for another kind, or an id that is none of its kind.
pub fn stream_of(tenant: &TenantId, kind: AggregateType, id: &str) -> Result<StreamId, Invalid> {
    match kind {
        AggregateType::Subscription => Ok(StreamId::subscription(tenant, &id.parse()?)),
        AggregateType::Recipient => Ok(StreamId::recipient(tenant, &id.parse()?)),
        AggregateType::Distribution => Ok(StreamId::distribution(id.parse()?)),
        AggregateType::Delivery => Ok(StreamId::delivery(id.parse()?)),
        AggregateType::Tenant | AggregateType::ApiKey | AggregateType::Report => Err(other(kind)),
    }
}

fn other(kind: AggregateType) -> Invalid {
    let rule = "must be subscription, recipient, distribution or delivery";
    Invalid::new("kind", kind.as_str(), rule)
}

/// An event that changed something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its name.
    pub event_type: &'static str,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its place in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
}

impl From<&RecordedEvent> for Change {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            event_type: event.event.event_type(),
            sequence: event.sequence,
            position: event.position,
            recorded_at: event.recorded_at,
            actor: event.metadata.actor.clone(),
        }
    }
}

/// What a stream's events add up to at one moment and at a later one; what is sealed in it is still there.
pub(crate) struct Course {
    pub before: Value,
    pub after: Value,
    /// The last event up to the first moment.
    pub last_before: Option<Change>,
    /// The events between the two, in order.
    pub between: Vec<Change>,
}

impl Course {
    /// The course of one of `tenant`'s streams; another tenant's is as one that never began.
    pub async fn of(
        ledger: &Ledger,
        tenant: &TenantId,
        stream: &StreamId,
        (from, to): (Position, Position),
    ) -> Result<Self, HistoryError> {
        let pages = Pages::new(ledger, tenant, Source::Stream(stream.clone()), to);
        match stream.aggregate_type {
            AggregateType::Subscription => folded::<subscription::Rules>(pages, from).await,
            AggregateType::Recipient => folded::<recipient::Rules>(pages, from).await,
            AggregateType::Distribution => folded::<distribution::Rules>(pages, from).await,
            AggregateType::Delivery => folded::<delivery::Rules>(pages, from).await,
            kind @ (AggregateType::Tenant | AggregateType::ApiKey | AggregateType::Report) => {
                Err(other(kind).into())
            }
        }
    }
}

async fn folded<D: Decider>(mut pages: Pages<'_>, from: Position) -> Result<Course, HistoryError>
where
    for<'e> &'e D::Event: TryFrom<&'e LedgerEvent>,
{
    let (mut state, mut before) = (D::State::default(), None);
    let (mut last_before, mut between) = (None, Vec::new());
    while let Some(events) = pages.next().await? {
        for event in &events {
            if event.position <= from {
                last_before = Some(Change::from(event));
            } else {
                before.get_or_insert_with(|| state.clone());
                between.push(Change::from(event));
            }
            if let Ok(own) = <&D::Event>::try_from(&event.event) {
                D::evolve(&mut state, own);
            }
        }
    }
    let after = serde_json::to_value(&state)?;
    let before = before.map_or_else(|| Ok(after.clone()), serde_json::to_value)?;
    Ok(Course { before, after, last_before, between })
}
