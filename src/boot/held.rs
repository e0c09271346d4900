use std::sync::{Arc, PoisonError, RwLock};

use aggregates::fold;
use aggregates::tenant::{Rules, Tenant};
use anyhow::Result;
use schema::{LedgerEvent, Position, StreamId};
use store::Ledger;
use tracing::error;

/// The tenant that stands for the installation itself.
pub const SYSTEM: &str = "system";

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

/// Up to where an operator has accepted that events are lost.
pub async fn accepted_through(ledger: &Ledger) -> Result<Position> {
    let events = ledger.load_stream(&StreamId::tenant(&SYSTEM.parse()?), 0).await?;
    let state = fold::<Rules>(events.iter().filter_map(|recorded| match &recorded.event {
        LedgerEvent::Tenant(event) => Some(event),
        _ => None,
    }));
    Ok(match state {
        Tenant::Known { lost_through, .. } => lost_through,
        Tenant::Unknown => Position::START,
    })
}

/// What is said of a log that is behind its own mirror.
pub fn behind_mirror(known: Position) -> String {
    format!(
        "the mirror on Kafka was written up to {known}, and the log does not hold that event: an older backup was \
         restored, or this is another database; nothing is taken in or sent (see `waybill recover list`)"
    )
}

/// What is said of a log that does not hold the event we last knew.
pub fn other_log(known: Position) -> String {
    format!(
        "the log does not hold the event we last knew at {known}: an older backup was restored, or this is another \
         database; nothing is taken in or sent (see `waybill recover list`)"
    )
}
