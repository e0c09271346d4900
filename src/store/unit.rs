use schema::{LedgerEvent, Metadata, Position, RecordedEvent, Sha256, StreamId};

use crate::{AddressChange, PlanningChange, QueueChange};

/// Events for one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Whose life they belong to.
    pub stream: StreamId,
    /// The last sequence the decision was made on; 0 when the stream is new. The optimistic lock.
    pub expected: i64,
    /// What happened, in order.
    pub events: Vec<LedgerEvent>,
}

/// What is written together or not at all: events over one or more streams, what they make necessary next, and the
/// outcome of the command that caused them.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Common to all events of the unit.
    pub metadata: Metadata,
    /// At most 2,000 events in all.
    pub appends: Vec<Append>,
    /// Changes of the delivery queue, derived from the events.
    pub queue: Vec<QueueChange>,
    /// Changes of the planning queue, derived from the events.
    pub planning: Vec<PlanningChange>,
    /// Changes of the look-up of recipients by address.
    pub addresses: Vec<AddressChange>,
    /// The API command whose outcome is kept with them.
    pub command: Option<CommandRecord>,
}

impl Unit {
    /// A unit with nothing in it yet.
    #[must_use]
    pub const fn new(metadata: Metadata) -> Self {
        Self {
            metadata,
            appends: Vec::new(),
            queue: Vec::new(),
            planning: Vec::new(),
            addresses: Vec::new(),
            command: None,
        }
    }
}

/// A command and what became of it: the same id again gets the first outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Unique within the tenant: the caller's Idempotency-Key, prefixed with who called.
    pub id: String,
    /// Digest of method, path and body: the same id with another digest is refused. Keyed, where a body may hold
    /// personal data ([`crate::Vault::request_digest`]): it is kept longer than that.
    pub body_sha256: Sha256,
    /// What the caller was told, as JSON text.
    pub outcome: String,
}

impl CommandRecord {
    /// Its id as events name it: they are kept for ever, and a caller's key may say more than it should.
    #[must_use]
    pub fn pseudonym(&self) -> String {
        Sha256::of(self.id.as_bytes()).to_string()
    }
}

/// What the command log says of an id.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandOutcome {
    /// Seen before, with the same body: this was the outcome.
    Seen {
        /// JSON text.
        outcome: String,
    },
    /// Seen before, with another body.
    OtherBody,
}

/// A unit as the log now holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    /// The unit's events in order, each with its position. Empty when the unit had none.
    pub events: Vec<RecordedEvent>,
}

impl Appended {
    /// The position of the unit's last event: what a reader must have reached to see it.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.events.last().map(|event| event.position)
    }
}
