use std::sync::{Arc, RwLock};
use crate::{AppendError, Appended, Ledger, LedgerConfig, OnAppend, StoreError, Unit};
pub(crate) struct Writers {}
impl Writers {
    pub fn start(_config: &LedgerConfig, _observer: &Arc<RwLock<Option<OnAppend>>>) -> Result<Self, StoreError> {
        Ok(Self {})
    }
    pub async fn close(&self) {}
}
impl Ledger {
    /// Appends a unit: all of it or nothing. Returns once it is durable. Units of many callers share a transaction; a
    /// unit that cannot be stored fails alone.
    ///
    /// # Errors
    /// See [`AppendError`]: in each case nothing of the unit was written, except that after
    /// [`StoreError::Unavailable`] nothing is *known* to be written.
    pub async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        let _ = unit;
        Err(StoreError::Closed.into())
    }
}
