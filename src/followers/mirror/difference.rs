use std::fmt;

use schema::Position;
use serde::Serialize;

/// A record's place on Kafka.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Which topic.
    pub topic: String,
    /// Which of its partitions.
    pub partition: usize,
    /// Which record there.
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partition {} offset {}", self.topic, self.partition, self.offset)
    }
}

/// Where mirror and ledger are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MirrorDifference {
    /// The ledger holds the event, the mirror does not.
    Lost {
        /// Which.
        position: Position,
        /// Where it should be.
        topic: String,
    },
    /// The mirror holds an event that the ledger does not.
    Extra {
        /// Which.
        position: Position,
        /// Where it is.
        place: Place,
    },
    /// Both hold it, but not alike.
    Altered {
        /// Which.
        position: Position,
        /// Where it is.
        place: Place,
    },
    /// A record tells an event that another one has told.
    Twice {
        /// Which.
        position: Position,
        /// Where it is told again.
        place: Place,
    },
    /// A record stands behind one of a later event.
    OutOfOrder {
        /// Which event.
        position: Position,
        /// Where it is.
        place: Place,
        /// The event before it in the partition.
        behind: Position,
    },
    /// An event lies in another partition than its stream's.
    Misplaced {
        /// Which.
        position: Position,
        /// Where it is.
        place: Place,
    },
    /// A record that the mirror of this ledger would not have written.
    Foreign {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for MirrorDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { position, topic } => {
                write!(f, "event {position} is in the ledger and not on {topic}")
            }
            Self::Extra { position, place } => {
                write!(f, "event {position} at {place} is not in the ledger")
            }
            Self::Altered { position, place } => {
                write!(f, "event {position} at {place} is not as the ledger holds it")
            }
            Self::Twice { position, place } => {
                write!(f, "event {position} is told once more at {place}")
            }
            Self::OutOfOrder { position, place, behind } => {
                write!(f, "event {position} at {place} stands behind event {behind}")
            }
            Self::Misplaced { position, place } => {
                write!(f, "event {position} at {place} belongs into another partition")
            }
            Self::Foreign { place, why } => write!(f, "the record at {place} is foreign: {why}"),
        }
    }
}
