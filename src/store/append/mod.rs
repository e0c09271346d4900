//! Appending: units of many callers share one transaction, a connection takes what waits as soon as it is free. This
//! room does not know what an event means, and it never guesses whether a commit happened.

mod columns;
mod encoded;
mod queries;
mod resolve;
mod session;
mod split;
mod writer;
mod writers;

use std::time::Duration;

use tokio::time::timeout;

use crate::{AppendError, Appended, Ledger, StoreError, Unit};

pub(crate) use columns::Columns;
pub(crate) use encoded::{Encoded, event_version};
pub(crate) use queries::{EventPlace, write_all};
pub(crate) use split::Failure;
pub(crate) use writers::Writers;

/// Events of one unit, and of one transaction, at most.
pub(crate) const MAX_EVENTS: usize = 2_000;

impl Ledger {
    /// Appends a unit: all of it or nothing. Returns once it is durable. Units of many callers share a transaction; a
    /// unit that cannot be stored fails alone. Positions rise in the unit's own order.
    ///
    /// # Errors
    /// See [`AppendError`]: in each case nothing of the unit was written, except that after
    /// [`StoreError::Unavailable`] nothing is *known* to be written.
    pub async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        let encoded = Encoded::try_new(unit)?;
        let due = encoded.earliest_due();
        let patience = Duration::from_millis(self.config.give_up_ms);
        let slot = timeout(patience, self.writers.slot()).await;
        let slot = slot.map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))?;
        let appended = self.writers.write(encoded).await;
        drop(slot);
        if appended.is_ok() {
            self.floors.lower(&due);
        }
        appended
    }
}
