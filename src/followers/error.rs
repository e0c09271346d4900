use projections::ProjectionError;
use schema::{Position, Sha256};
use store::{AppendError, StoreError};

use crate::NotReached;

/// Why a follower could not apply events. Nothing of the batch is kept.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The world is away: the same again, later.
    #[error("{0}")]
    Again(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An event cannot be applied, now or later: the follower stands still at it.
    #[error("{0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FollowerError {
    /// The same again, later.
    pub fn again(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Again(error.into())
    }

    /// Never.
    pub fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Refused(error.into())
    }
}

/// SQLSTATE classes that speak of the data, not of the world: data exception, constraint violation.
const GUILTY_CLASSES: [&str; 2] = ["22", "23"];

impl From<sqlx::Error> for FollowerError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let guilty =
            code.is_some_and(|code| GUILTY_CLASSES.iter().any(|class| code.starts_with(class)));
        if guilty { Self::refused(error) } else { Self::again(error) }
    }
}

impl From<ProjectionError> for FollowerError {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::Database(error) => error.into(),
            other => Self::refused(other),
        }
    }
}

impl From<StoreError> for FollowerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Codec(_) | StoreError::Invalid(_) => Self::refused(error),
            world => Self::again(world),
        }
    }
}

/// Why something asked of the followers was not done.
#[derive(Debug, thiserror::Error)]
pub enum FollowersError {
    /// The database is away, or refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The ledger is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The note of a skip could not be recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The fold failed.
    #[error("{0}")]
    Fold(#[from] FollowerError),
    /// A reader waited for a position in vain.
    #[error(transparent)]
    NotReached(#[from] NotReached),
    /// There is no such follower.
    #[error("there is no follower named {name}: known are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The follower does not stand still at that event.
    #[error("follower {name} does not stand still at event {asked}; it stands at {standing:?}")]
    NotPoisoned {
        /// Which follower.
        name: String,
        /// Which event was named.
        asked: Position,
        /// Where it stands still, if it does.
        standing: Option<Position>,
    },
    /// The follower stands still at no event: its checkpoint is of another log.
    #[error(
        "follower {name} stands still because the log is not the one it has read, not at an event that \
         could be left out; a projection is folded anew: `waybill projections rebuild {name}`"
    )]
    NothingToSkip {
        /// Which follower.
        name: String,
    },
    /// The checkpoint names an event this log does not hold.
    #[error(
        "the log is not the one follower {name} has read: event {position} had hash {expected}, here it is {}; was an \
         older backup restored? Restore the newer log, or fold a projection anew: `waybill projections rebuild {name}`",
        .found.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string)
    )]
    OtherLog {
        /// Which follower.
        name: String,
        /// Its checkpoint.
        position: Position,
        /// The hash it remembers.
        expected: Sha256,
        /// The hash of the event that is there now, if one is.
        found: Option<Sha256>,
    },
    /// An event stops the rebuild.
    #[error("the rebuild stops at event {position} ({event_type}): {error}")]
    Poison {
        /// Which event.
        position: Position,
        /// Its name.
        event_type: String,
        /// Why.
        error: String,
    },
    /// Someone else is at it.
    #[error("{name} is already being rebuilt")]
    AlreadyRebuilding {
        /// Which projection.
        name: &'static str,
    },
    /// Another process has the rebuild now.
    #[error("the rebuild of {name} was taken over by another process")]
    TakenOver {
        /// Which projection.
        name: &'static str,
    },
    /// There is no rebuild that could be switched to.
    #[error(
        "no rebuild of {name} is ready: it is {state}; `waybill projections rebuild {name} --hold` makes one ready"
    )]
    NotReady {
        /// Which projection.
        name: &'static str,
        /// How its rebuild stands.
        state: String,
    },
    /// No replaced tables are kept.
    #[error("no replaced tables of {name} are kept")]
    NothingKept {
        /// Which projection.
        name: &'static str,
    },
    /// The rebuild was called off.
    #[error("the rebuild was called off")]
    Cancelled,
}
