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
    /// A migration failed, or the one in the database is not the one in this program.
    #[error("the migration failed: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The application's role is missing: a superuser creates it once.
    #[error("the role {role} does not exist: create it first (scripts/postgres/roles.sql)")]
    RoleMissing {
        /// Its name.
        role: &'static str,
    },
    /// The server is a standby: the log can be followed on the primary only.
    #[error("the server is a standby (pg_is_in_recovery): name the primary")]
    Standby,
    /// Bytes in the store are not what they say.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Bytes in the store break a rule of form.
    #[error(transparent)]
    Invalid(#[from] schema::Invalid),
    /// A file beside the database cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Whether Postgres answered at all: SQLSTATE classes 08 (connection), 53 (resources), 57P (shutting down), 58 (system)
/// pass by themselves, others do not.
pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error if is_unavailable(&error) => Self::Unavailable(error),
            error => Self::Database(error),
        }
    }
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
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

impl From<CodecError> for AppendError {
    fn from(error: CodecError) -> Self {
        Self::Store(error.into())
    }
}

/// Why a command did not lead to events.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: std::error::Error> {
    /// The aggregate refused it.
    #[error(transparent)]
    Refused(E),
    /// The stream belongs to another tenant than the command.
    #[error("stream {stream} belongs to another tenant")]
    OtherTenant {
        /// Which.
        stream: StreamId,
    },
    /// It was decided, but not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl<E: std::error::Error> From<StoreError> for ExecuteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Append(AppendError::Store(error))
    }
}
