use std::sync::Arc;

use chrono::{DateTime, Utc};
use schema::{
    AggregateType, LedgerEvent, Metadata, Position, RecordedEvent, StoredEvent, StreamId, Timestamp,
};

use crate::StoreError;

/// An event as the log holds it, with the bytes it was stored as. One that this program cannot read is a value, too.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// Where it stands in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// The kind of its stream, as stored.
    pub aggregate_type: String,
    /// Which stream of that kind.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// The event's name, as stored.
    pub event_type: String,
    /// The version it was written with.
    pub event_version: String,
    /// The exact bytes of the payload.
    pub payload: String,
    /// The exact bytes of the metadata.
    pub metadata: String,
    /// The event, or why it cannot be read.
    pub decoded: Result<RecordedEvent, String>,
}

impl LogRow {
    /// The event as it is stored, but for its payload.
    #[must_use]
    pub fn stored(&self) -> StoredEvent<'_> {
        StoredEvent {
            position: self.position,
            recorded_at: self.recorded_at,
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: &self.event_version,
            metadata: &self.metadata,
        }
    }
}

/// A row of the events table, undecoded.
#[derive(sqlx::FromRow)]
pub(crate) struct RawRow {
    pub position: i64,
    pub recorded_at: DateTime<Utc>,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    pub payload: String,
    pub metadata: String,
}

impl RawRow {
    /// The event in it.
    pub fn decode(&self) -> Result<RecordedEvent, StoreError> {
        let aggregate_type: AggregateType = self.aggregate_type.parse()?;
        let event = LedgerEvent::decode(
            aggregate_type,
            &self.event_type,
            &self.event_version,
            &self.payload,
        )?;
        let metadata: Metadata = serde_json::from_str(&self.metadata).map_err(|source| {
            schema::CodecError::Payload { event_type: "metadata".to_owned(), source }
        })?;
        Ok(RecordedEvent {
            position: Position(self.position),
            recorded_at: Timestamp::from(self.recorded_at),
            stream: StreamId { aggregate_type, aggregate_id: self.aggregate_id.clone() },
            sequence: self.sequence,
            event,
            metadata: Arc::new(metadata),
        })
    }
}

impl From<RawRow> for LogRow {
    fn from(row: RawRow) -> Self {
        let decoded = row.decode().map_err(|error| error.to_string());
        Self {
            position: Position(row.position),
            recorded_at: Timestamp::from(row.recorded_at),
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            sequence: row.sequence,
            event_type: row.event_type,
            event_version: row.event_version,
            payload: row.payload,
            metadata: row.metadata,
            decoded,
        }
    }
}
