use aggregates::{Decider, delivery, distribution, group, recipient, subscription};
use schema::{
    Actor, AggregateType, Invalid, LedgerEvent, Position, RecordedEvent, StreamId, TenantId,
    Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use store::Ledger;

use crate::HistoryError;
use crate::pages::{Pages, Source};

/// The stream of a tenant's that an id names, spelled with or without the tenant before it.
///
/// # Errors
/// [`Invalid`] when the id is none of its kind.
pub fn stream_of(tenant: &TenantId, kind: AggregateType, id: &str) -> Result<StreamId, Invalid> {
    let local = id.strip_prefix(tenant.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let id = local.unwrap_or(id);
    Ok(match kind {
        AggregateType::Tenant => StreamId::tenant(&id.parse()?),
        AggregateType::ApiKey => StreamId::api_key(tenant, &id.parse()?),
        AggregateType::Report => StreamId::report(tenant, &id.parse()?),
        AggregateType::Subscription => StreamId::subscription(tenant, &id.parse()?),
        AggregateType::Group => StreamId::group(tenant, &id.parse()?),
        AggregateType::Recipient => StreamId::recipient(tenant, &id.parse()?),
        AggregateType::Distribution => StreamId::distribution(id.parse()?),
        AggregateType::Delivery => StreamId::delivery(id.parse()?),
    })
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
            AggregateType::Group => folded::<group::Rules>(pages, from).await,
            AggregateType::Distribution => folded::<distribution::Rules>(pages, from).await,
            AggregateType::Delivery => folded::<delivery::Rules>(pages, from).await,
            kind @ (AggregateType::Tenant | AggregateType::ApiKey | AggregateType::Report) => {
                let rule = "must be subscription, recipient, group, distribution or delivery";
                Err(Invalid::new("kind", kind.as_str(), rule).into())
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

/// What the events of a page source add up to.
pub(crate) async fn state_of<D: Decider>(mut pages: Pages<'_>) -> Result<D::State, HistoryError>
where
    for<'e> &'e D::Event: TryFrom<&'e LedgerEvent>,
{
    let mut state = D::State::default();
    while let Some(events) = pages.next().await? {
        let own = events.iter().filter_map(|event| <&D::Event>::try_from(&event.event).ok());
        own.for_each(|event| D::evolve(&mut state, event));
    }
    Ok(state)
}
