use std::str::FromStr;

use schema::{Invalid, Position, Timestamp};
use serde::Serialize;
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

/// A place in the log, with the time that pauses and grants are judged by there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// The last position that counts.
    pub position: Position,
    /// When the last event up to there was taken.
    pub recorded_at: Timestamp,
    /// The instant asked about; where a position was, when its event was taken.
    pub at: Timestamp,
}

impl AsOf {
    /// The moment it stands for, in the log up to `head`.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] when the moment is not reached yet, or lies before the first event.
    pub async fn resolve(self, ledger: &Ledger, head: Position) -> Result<Moment, HistoryError> {
        let (position, instant) = match self {
            Self::Position(position) if position < Position(1) || position > head => {
                let rule = format!("must be 1 to {head}, where the log now ends");
                return Err(Invalid::new("position", &position.to_string(), rule).into());
            }
            Self::Position(position) => (Some(position), None),
            Self::Instant(instant) => {
                let now = ledger.now().await?;
                if instant > now {
                    let rule = format!("must not lie behind {now}, the database's time");
                    return Err(Invalid::new("at", &instant.to_string(), rule).into());
                }
                (ledger.position_at(instant, head).await?, Some(instant))
            }
        };
        let Some(position) = position else { return Err(self.too_early().into()) };
        // The numbers before the first event may be those of a transaction that was rolled back.
        let recorded_at = ledger.recorded_through(position).await?;
        let recorded_at = recorded_at.ok_or_else(|| self.too_early())?;
        Ok(Moment { position, recorded_at, at: instant.unwrap_or(recorded_at) })
    }

    fn too_early(self) -> Invalid {
        let (field, value) = match self {
            Self::Position(position) => ("position", position.to_string()),
            Self::Instant(instant) => ("at", instant.to_string()),
        };
        Invalid::new(field, &value, "must not lie before the first event")
    }
}

/// A whole number is a position, anything else an instant.
impl FromStr for AsOf {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let position = text.parse().map(|number| Self::Position(Position(number)));
        position.or_else(|_| text.parse().map(Self::Instant)).map_err(|_: Invalid| {
            Invalid::new("moment", text, "must be a position or an RFC 3339 instant")
        })
    }
}
