use schema::Position;

/// What whoever asks for a change believes of the stream it is about. Checked on the state that is decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing was said: whatever it is.
    #[default]
    Any,
    /// It has events.
    Exists,
    /// Its last event lies at one of these positions.
    LastAt(Vec<Position>),
}

/// The stream is not what whoever asked believed it to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has changed since: its last event lies at position {now}")]
pub struct Stale {
    /// Where its last event lies; 0 when there is none.
    pub now: Position,
}

impl Precondition {
    /// Whether a stream whose last event lies at `now` is what it is believed to be.
    ///
    /// # Errors
    /// [`Stale`] when it is not.
    pub fn check(&self, now: Position) -> Result<(), Stale> {
        let holds = match self {
            Self::Any => true,
            Self::Exists => now > Position::START,
            Self::LastAt(positions) => positions.contains(&now),
        };
        if holds { Ok(()) } else { Err(Stale { now }) }
    }
}
