use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LedgerEvent, Metadata, StreamId, Timestamp};

/// An event's place in the log. Positions grow; numbers may be missing, none is ever used twice for what can be seen.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Position(pub i64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// Where it stands in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// Whose life it belongs to.
    pub stream: StreamId,
    /// Its place in that life, from 1.
    pub sequence: i64,
    /// What happened.
    pub event: LedgerEvent,
    /// By whom, for whom, why.
    pub metadata: Arc<Metadata>,
}
