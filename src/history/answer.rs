use aggregates::{Decider, delivery, distribution, fold, recipient, subscription};
use schema::{
    Actor, AggregateType, Invalid, LedgerEvent, Position, RecordedEvent, StreamId, TenantId,
    Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};
use store::{Ledger, LogRow};

use crate::HistoryError;

/// The event that last changed something.
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

/// How something stood at a position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What kind of thing.
    pub kind: AggregateType,
    /// Which one.
    pub id: String,
    /// As of which position.
    pub position: Position,
    /// What its events up to there add up to; each sealed value is `"sealed"`.
    pub state: Value,
    /// The last of them; none when there was nothing yet.
    pub last_change: Option<Change>,
}

impl Answer {
    /// How a stream of `tenant`'s stood at `position`. Another tenant's is as one that never began.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] for a kind that is not answered; [`HistoryError::Unreadable`] when an event is newer
    /// than this program; the store's.
    pub async fn of(
        ledger: &Ledger,
        tenant: &TenantId,
        stream: &StreamId,
        position: Position,
    ) -> Result<Self, HistoryError> {
        let rows = ledger.read_stream(tenant, stream, position).await?;
        let events = rows.into_iter().map(readable).collect::<Result<Vec<_>, _>>()?;
        let mut state = state_of(stream.aggregate_type, &events)?;
        hide_sealed(&mut state);
        let last_change = events.last().map(|event| Change {
            event_type: event.event.event_type(),
            sequence: event.sequence,
            position: event.position,
            recorded_at: event.recorded_at,
            actor: event.metadata.actor.clone(),
        });
        let (kind, id) = (stream.aggregate_type, stream.local_id().to_owned());
        Ok(Self { kind, id, position, state, last_change })
    }
}

fn readable(row: LogRow) -> Result<RecordedEvent, HistoryError> {
    let LogRow { position, event_type, event_version, decoded, .. } = row;
    decoded.map_err(|why| HistoryError::Unreadable { position, event_type, event_version, why })
}

fn state_of(kind: AggregateType, events: &[RecordedEvent]) -> Result<Value, HistoryError> {
    match kind {
        AggregateType::Subscription => folded::<subscription::Rules>(events, |event| match event {
            LedgerEvent::Subscription(event) => Some(event),
            _ => None,
        }),
        AggregateType::Recipient => folded::<recipient::Rules>(events, |event| match event {
            LedgerEvent::Recipient(event) => Some(event),
            _ => None,
        }),
        AggregateType::Distribution => folded::<distribution::Rules>(events, |event| match event {
            LedgerEvent::Distribution(event) => Some(event),
            _ => None,
        }),
        AggregateType::Delivery => folded::<delivery::Rules>(events, |event| match event {
            LedgerEvent::Delivery(event) => Some(event),
            _ => None,
        }),
        AggregateType::Tenant | AggregateType::ApiKey | AggregateType::Report => {
            let rule = "must be subscription, recipient, distribution or delivery";
            Err(Invalid::new("kind", kind.as_str(), rule).into())
        }
    }
}

fn folded<D: Decider>(
    events: &[RecordedEvent],
    own: impl Fn(&LedgerEvent) -> Option<&D::Event>,
) -> Result<Value, HistoryError> {
    let state = fold::<D>(events.iter().filter_map(|event| own(&event.event)));
    Ok(serde_json::to_value(state)?)
}

/// Whatever has a sealed value's form gives way, wherever it stands.
fn hide_sealed(value: &mut Value) {
    let has = |name| value.get(name).is_some_and(Value::is_string);
    if has("key") && has("box") && has("tag") {
        *value = json!("sealed");
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(hide_sealed),
        Value::Array(entries) => entries.iter_mut().for_each(hide_sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
