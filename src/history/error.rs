use schema::Position;

/// Why a question about the past has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The question breaks a rule.
    #[error(transparent)]
    Invalid(#[from] schema::Invalid),
    /// What an answer would need cannot be read by this program.
    #[error(
        "the event {event_type} version {event_version} at position {position} cannot be read: {why}"
    )]
    Unreadable {
        /// Where.
        position: Position,
        /// Its name, as stored.
        event_type: String,
        /// Its version, as stored.
        event_version: String,
        /// Why not.
        why: String,
    },
    /// The state cannot be written as JSON.
    #[error("the state cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The world failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
