use schema::{Invalid, Position};

/// Why an operator is told no.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A text breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The tenant was never set up.
    #[error("the tenant does not exist; create it first")]
    NotCreated,
    /// It was set up under another title.
    #[error("the tenant already exists, as {title:?}")]
    AlreadyCreated {
        /// Its title.
        title: String,
    },
    /// A loss that is none.
    #[error("the log ends at {head} and was last known at {known}: nothing is lost")]
    NothingLost {
        /// The last event that the log holds.
        head: Position,
        /// The last event that it is known to have held.
        known: Position,
    },
    /// Pauses are limited by [`MAX_PAUSES`](super::MAX_PAUSES).
    #[error("{pause_count} pauses hold already, which is the most allowed; pause a whole channel")]
    TooManyPauses {
        /// Pauses that hold.
        pause_count: usize,
    },
    /// Calendars are limited by [`MAX_CALENDARS`](super::MAX_CALENDARS).
    #[error("the tenant has {calendar_count} calendars already, which is the most allowed")]
    TooManyCalendars {
        /// Calendars there are.
        calendar_count: usize,
    },
}
