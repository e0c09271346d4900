use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use schema::{
    AggregateType, LedgerEvent, Metadata, Position, RecordedEvent, StoredEvent, StreamId, Timestamp,
};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

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
    /// Read when first asked for: not everyone does, and those who share a row need not wait for it.
    decoded: OnceLock<Result<RecordedEvent, String>>,
}

impl LogRow {
    /// The event.
    ///
    /// # Errors
    /// Why this program cannot read it.
    pub fn decoded(&self) -> Result<&RecordedEvent, &str> {
        let decode = || decode(self.stored(), &self.payload).map_err(|error| error.to_string());
        self.decoded.get_or_init(decode).as_ref().map_err(String::as_str)
    }

    /// The event alone.
    ///
    /// # Errors
    /// Why this program cannot read it.
    pub fn into_decoded(mut self) -> Result<RecordedEvent, String> {
        let _ = self.decoded();
        self.decoded.take().unwrap_or_else(|| Err(String::new()))
    }

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

/// A statement for whole rows of the log, as [`RawRow`] has them.
macro_rules! rows {
    ($condition:literal) => {
        concat!(
            "select position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version, \
             payload::text as payload, metadata::text as metadata from events ",
            $condition
        )
    };
}
pub(crate) use rows;

/// A row of the events table, undecoded.
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

/// By place, as [`rows`] selects them, and without asking for types again: to look each column up by its name took
/// half of the time of reading a row.
impl<'r> FromRow<'r, PgRow> for RawRow {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            position: row.try_get_unchecked(0)?,
            recorded_at: row.try_get_unchecked(1)?,
            aggregate_type: row.try_get_unchecked(2)?,
            aggregate_id: row.try_get_unchecked(3)?,
            sequence: row.try_get_unchecked(4)?,
            event_type: row.try_get_unchecked(5)?,
            event_version: row.try_get_unchecked(6)?,
            payload: row.try_get_unchecked(7)?,
            metadata: row.try_get_unchecked(8)?,
        })
    }
}

impl RawRow {
    /// The event in it.
    pub fn decode(&self) -> Result<RecordedEvent, StoreError> {
        let stored = StoredEvent {
            position: Position(self.position),
            recorded_at: Timestamp::from(self.recorded_at),
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: &self.event_version,
            metadata: &self.metadata,
        };
        decode(stored, &self.payload)
    }
}

fn decode(stored: StoredEvent<'_>, payload: &str) -> Result<RecordedEvent, StoreError> {
    let aggregate_type: AggregateType = stored.aggregate_type.parse()?;
    let event =
        LedgerEvent::decode(aggregate_type, stored.event_type, stored.event_version, payload)?;
    let metadata: Metadata = serde_json::from_str(stored.metadata).map_err(|source| {
        schema::CodecError::Payload { event_type: "metadata".to_owned(), source }
    })?;
    Ok(RecordedEvent {
        position: stored.position,
        recorded_at: stored.recorded_at,
        stream: StreamId { aggregate_type, aggregate_id: stored.aggregate_id.to_owned() },
        sequence: stored.sequence,
        event,
        metadata: Arc::new(metadata),
    })
}

impl From<RawRow> for LogRow {
    fn from(row: RawRow) -> Self {
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
            decoded: OnceLock::new(),
        }
    }
}
