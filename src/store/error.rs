use schema::{CodecError, StreamId};

/// The world did not do what the store needs.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or did not answer: nothing is known to be written. Try again.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Database(#[source] sqlx::Error),
    /// Bytes in the store are not what they say.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Bytes in the store break a rule of form.
    #[error(transparent)]
    Invalid(#[from] schema::Invalid),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Why a unit was not appended. In each case nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Someone else wrote to the stream since: load, decide and try again.
    #[error("stream {stream} has moved on")]
    Conflict {
        /// Which.
        stream: StreamId,
    },
    /// The command id was used before; see the command log for its outcome.
    #[error("command {id} was already carried out")]
    CommandSeen {
        /// The id.
        id: String,
    },
    /// Postgres cannot hold this unit (SQLSTATE class 22 or 23): only this one fails, never its neighbours.
    #[error("the unit cannot be stored: {0}")]
    Rejected(#[source] sqlx::Error),
    /// More than 2,000 events.
    #[error("a unit holds at most 2,000 events, this one has {count}")]
    TooLarge {
        /// How many.
        count: usize,
    },
    /// The world failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
