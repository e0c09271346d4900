use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::graphql::limits::MAX_STRANGERS;

/// Connections that have not said who they are, the oldest first. Whoever is honest says it at once: so when there are
/// too many, the one that has been silent longest goes, and nobody is kept out by those who never speak.
#[derive(Default)]
pub(in crate::graphql) struct Strangers(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    oldest_first: VecDeque<(u64, CancellationToken)>,
}

/// One of them, until it is dropped.
pub(super) struct Stranger {
    all: Arc<Strangers>,
    id: u64,
    /// Cancelled when it must go.
    pub sent_away: CancellationToken,
}

impl Strangers {
    pub(super) fn enter(self: &Arc<Self>) -> Stranger {
        let mut waiting = self.waiting();
        let (id, sent_away) = (waiting.next, CancellationToken::new());
        waiting.next += 1;
        waiting.oldest_first.push_back((id, sent_away.clone()));
        if waiting.oldest_first.len() > MAX_STRANGERS
            && let Some((_, oldest)) = waiting.oldest_first.pop_front()
        {
            oldest.cancel();
        }
        drop(waiting);
        Stranger { all: Arc::clone(self), id, sent_away }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut waiting = self.all.waiting();
        if let Ok(at) = waiting.oldest_first.binary_search_by_key(&self.id, |(id, _)| *id) {
            waiting.oldest_first.remove(at);
        }
    }
}
