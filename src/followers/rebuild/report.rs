use schema::{Position, Sha256};
use serde::Serialize;

use super::{Rate, Stage};

/// What to do once the rebuilt tables have been compared with the live ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Drop them: it was to know.
    Compare,
    /// Put them in the place of the live ones when they differ, else drop them.
    #[default]
    Mend,
    /// Keep them beside the live ones, for a switch that someone decides on.
    Hold,
    /// Put them in the place of the live ones, whatever the comparison says.
    Switch,
}

/// How a rebuild goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildOptions {
    /// What comes in the end.
    pub then: Then,
    /// How fast it may go.
    pub rate: Rate,
    /// Folds the log once more, event by event, and compares with that, too.
    pub reference: bool,
    /// Rows that differ are named up to this many per table.
    pub named_differences: u32,
}

impl Default for RebuildOptions {
    fn default() -> Self {
        let (then, rate) = (Then::default(), Rate::default());
        Self { then, rate, reference: false, named_differences: 20 }
    }
}

/// How far a rebuild has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RebuildProgress {
    /// Which projection.
    pub name: &'static str,
    /// What it is at.
    pub stage: Stage,
    /// Events applied, those of an interrupted run included.
    pub events: u64,
    /// How many there will be, as the database's statistics have it.
    pub expected: u64,
    /// The last position applied; that up to which streams are folded, while they are.
    pub position: Position,
    /// The log's end.
    pub head: Position,
    /// Events per second, of late.
    pub events_per_second: f64,
    /// Seconds left at that rate; absent while it cannot be told.
    pub eta_s: Option<f64>,
}

/// What came of a rebuild.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RebuildReport {
    /// Which projection.
    pub name: &'static str,
    /// The position at which both were compared.
    pub position: Position,
    /// Digest over all rows of the live tables.
    pub live_digest: Sha256,
    /// Digest over all rows of the rebuilt ones.
    pub rebuilt_digest: Sha256,
    /// What a fold event by event came to, where it was asked for.
    pub reference: Option<Reference>,
    /// Rows that differ: table, key, and how. Bounded.
    pub differences: Vec<String>,
    /// Events applied, those of an interrupted run included.
    pub events: u64,
    /// How long it took, in seconds, since it was begun or gone on with.
    pub seconds: f64,
    /// How long each part of it took.
    pub stages: Vec<StageTime>,
    /// Whether it went on where an earlier one was interrupted.
    pub resumed: bool,
    /// Whether the rebuilt tables are the live ones now.
    pub swapped: bool,
}

/// The log folded event by event, compared with the rebuilt tables.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// At which position.
    pub position: Position,
    /// Digest over all rows of that fold.
    pub digest: Sha256,
    /// Digest over all rows of the rebuilt tables there.
    pub rebuilt_digest: Sha256,
}

/// How long a stage took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// Which.
    pub stage: Stage,
    /// In seconds.
    pub seconds: f64,
    /// Events applied in it.
    pub events: u64,
}

impl RebuildReport {
    /// Whether live and rebuilt are the same, byte for byte, and the reference, if one was made.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.live_digest == self.rebuilt_digest
            && self.reference.is_none_or(|reference| reference.digest == reference.rebuilt_digest)
    }
}
