use std::sync::{Arc, PoisonError, RwLock};

use schema::Position;
use tracing::error;

/// Whether nothing may be taken in or sent, and why: known at start, or found out while running. Once held, a process
/// stays so: what is due may have been sent already, and only a person can say.
#[derive(Clone, Default)]
pub struct Held(Arc<RwLock<Option<String>>>);

impl Held {
    /// Nothing is taken in or sent from now on. The first reason stays.
    pub fn hold(&self, why: String) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            error!("{why}");
            *held = Some(why);
        }
    }

    /// Why nothing is taken in or sent, if so.
    pub fn why(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nothing may be taken in or sent.
    pub fn is_held(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// What is said of a log that does not hold the event we last knew.
pub fn other_log(known: Position) -> String {
    format!(
        "the log does not hold the event we last knew at {known}: an older backup was restored, or this is another \
         database; nothing is taken in or sent (see `waybill doctor`)"
    )
}
