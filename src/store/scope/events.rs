use cqrs_es::persist::SerializedEvent;
use schema::{AggregateType, CodecError, LedgerEvent, RecordedEvent};
use serde_json::{Map, Value};

use crate::StoreError;
use crate::append::event_version;

/// A stored event as the framework spells it: the body within its name, always in the current version.
pub(super) fn to_framework(event: &RecordedEvent) -> Result<SerializedEvent, StoreError> {
    let event_type = event.event.event_type();
    let invalid = |source| CodecError::Payload { event_type: event_type.to_owned(), source };
    let body: Value = serde_json::from_str(&event.event.encode()?).map_err(invalid)?;
    let mut payload = Map::new();
    payload.insert(event_type.to_owned(), body);
    Ok(SerializedEvent {
        aggregate_id: event.stream.aggregate_id.clone(),
        sequence: usize::try_from(event.sequence).unwrap_or_default(),
        aggregate_type: event.stream.aggregate_type.as_str().to_owned(),
        event_type: event_type.to_owned(),
        event_version: event_version(&event.event).to_owned(),
        payload: Value::Object(payload),
        // The framework's metadata is not used: ours has types.
        metadata: Value::Object(Map::new()),
    })
}

/// The framework's event as the ledger's.
pub(super) fn from_framework(event: &SerializedEvent) -> Result<LedgerEvent, StoreError> {
    let aggregate_type: AggregateType = event.aggregate_type.parse()?;
    // A variant without fields is written as its name alone; ours all have bodies.
    let body = event.payload.get(&event.event_type).unwrap_or(&Value::Null).to_string();
    Ok(LedgerEvent::decode(aggregate_type, &event.event_type, &event.event_version, &body)?)
}
