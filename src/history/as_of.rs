use schema::{Invalid, Position, Timestamp};
use store::Ledger;

use crate::HistoryError;

/// When something is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// When the log ended here.
    Position(Position),
    /// When the database's clock showed this; see [`Ledger::position_at`] for clocks that were set back.
    Instant(Timestamp),
}

impl AsOf {
    /// The position it stands for, in the log up to `head`.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] when the position is not reached yet or the instant lies before the first event.
    pub async fn resolve(self, ledger: &Ledger, head: Position) -> Result<Position, HistoryError> {
        match self {
            Self::Position(position) if position < Position(1) || position > head => {
                let rule = format!("must be 1 to {head}, where the log now ends");
                Err(Invalid::new("position", &position.to_string(), rule).into())
            }
            Self::Position(position) => Ok(position),
            Self::Instant(instant) => {
                let rule = "must not lie before the first event";
                let early = || Invalid::new("at", &instant.to_string(), rule);
                Ok(ledger.position_at(instant, head).await?.ok_or_else(early)?)
            }
        }
    }
}
