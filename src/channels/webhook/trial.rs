use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use schema::SendResult;
use secrecy::ExposeSecret;

use super::{Letter, WebhookChannel};
use crate::destination_of;

/// A destination is tried no more often than this.
const PAUSE: Duration = Duration::from_secs(5);
/// Destinations remembered, at most.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// When each destination was tried last: whoever may try a webhook out must not be able to knock at it without end.
pub(super) struct Trials {
    last: Mutex<LruCache<String, Instant>>,
}

/// A destination was tried a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a destination is tried once in 5 seconds at most")]
pub struct TriedTooSoon;

impl Trials {
    pub fn new() -> Self {
        Self { last: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    fn begin(&self, destination: String) -> Result<(), TriedTooSoon> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&destination).is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(TriedTooSoon);
        }
        last.put(destination, Instant::now());
        Ok(())
    }
}

impl WebhookChannel {
    /// Posts what is no delivery, to see what is answered.
    ///
    /// # Errors
    /// [`TriedTooSoon`], by the memory of this node.
    pub async fn try_out(&self, letter: Letter<'_>) -> Result<SendResult, TriedTooSoon> {
        let url = letter.url.expose_secret();
        self.trials.begin(destination_of(schema::ChannelKind::Webhook, url))?;
        Ok(self.post(letter).await)
    }
}
