use async_graphql::{ID, SimpleObject};

use crate::graphql::scalars::{Count, Instant, Json, LogPosition};
use crate::graphql::words::HistoryKind;

/// How something stood at a moment.
#[derive(Clone, Debug, SimpleObject)]
pub struct Standing {
    /// What kind of thing.
    pub kind: HistoryKind,
    /// Which one.
    pub id: ID,
    /// The position it was read at.
    pub position: LogPosition,
    /// When the last event up to there was taken.
    pub recorded_at: Instant,
    /// What its events up to there add up to; each sealed value is `"sealed"`.
    pub state: Json,
    /// The last of them; none when there was nothing yet.
    pub last_change: Option<LogChange>,
}

/// An event that changed something.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogChange {
    /// Its name.
    #[graphql(name = "type")]
    pub kind: &'static str,
    /// Its place in its stream, from 1.
    pub sequence: Count,
    /// Its place in the log.
    pub position: LogPosition,
    /// When the database took it.
    pub recorded_at: Instant,
    /// Who caused it, as an opaque id.
    pub actor: String,
}

/// What changed of something between two moments.
#[derive(Clone, Debug, SimpleObject)]
pub struct Difference {
    /// What kind of thing.
    pub kind: HistoryKind,
    /// Which one.
    pub id: ID,
    /// The earlier position.
    pub position: LogPosition,
    /// When the last event up to there was taken.
    pub recorded_at: Instant,
    /// The later position.
    pub to_position: LogPosition,
    /// When the last event up to there was taken.
    pub to_recorded_at: Instant,
    /// The fields that differ, in the order of their names; none when it stood the same.
    pub fields: Vec<FieldDifference>,
    /// The events that led from one to the other.
    pub events: Vec<LogChange>,
}

/// A field that stood otherwise at the later moment.
#[derive(Clone, Debug, SimpleObject)]
pub struct FieldDifference {
    /// Which, as a path of names. The name of the state is the field `state`.
    pub field: String,
    /// What it was; null when it was not there. A sealed value is `"sealed"`.
    pub before: Option<Json>,
    /// What it is then; null when it is gone. A sealed value is `"sealed"`.
    pub after: Option<Json>,
    /// Whether it was and is sealed: that it changed is known, what it says is not.
    pub is_sealed: bool,
}

impl Standing {
    /// What the log said of it.
    #[must_use]
    pub fn of(kind: HistoryKind, answer: history::Answer) -> Self {
        Self {
            kind,
            id: answer.id.into(),
            position: LogPosition(answer.as_of.position),
            recorded_at: Instant(answer.as_of.recorded_at),
            state: Json(answer.state),
            last_change: answer.last_change.map(LogChange::from),
        }
    }
}

impl Difference {
    /// What the log said of it.
    #[must_use]
    pub fn of(kind: HistoryKind, found: history::Difference) -> Self {
        Self {
            kind,
            id: found.id.into(),
            position: LogPosition(found.from.position),
            recorded_at: Instant(found.from.recorded_at),
            to_position: LogPosition(found.to.position),
            to_recorded_at: Instant(found.to.recorded_at),
            fields: found.fields.into_iter().map(FieldDifference::from).collect(),
            events: found.events.into_iter().map(LogChange::from).collect(),
        }
    }
}

impl From<history::Change> for LogChange {
    fn from(change: history::Change) -> Self {
        Self {
            kind: change.event_type,
            sequence: Count(change.sequence),
            position: LogPosition(change.position),
            recorded_at: Instant(change.recorded_at),
            actor: change.actor.to_string(),
        }
    }
}

impl From<history::FieldChange> for FieldDifference {
    fn from(change: history::FieldChange) -> Self {
        let history::FieldChange { field, before, after, is_sealed } = change;
        Self { field, before: before.map(Json), after: after.map(Json), is_sealed }
    }
}
