use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a sink knows of one idempotency key (webhook-id or Message-ID).
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When the first request with it came in whole.
    pub first_at: Instant,
    /// Requests that were answered with success.
    pub taken_count: u32,
    /// Requests that were answered with failure.
    pub refused_count: u32,
    /// Digest-bearing body of the first request, when the sink keeps bodies.
    pub body: Option<Vec<u8>>,
}

/// The sink's own record, shared with whoever compares it.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Mutex<HashMap<String, Arrival>>>);

impl Records {
    /// Notes a request; returns how many came before with the same key.
    pub fn note(&self, key: &str, taken: bool, body: Option<&[u8]>) -> u32 {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !records.contains_key(key) {
            let first = Arrival {
                first_at: Instant::now(),
                taken_count: 0,
                refused_count: 0,
                body: body.map(<[u8]>::to_vec),
            };
            records.insert(key.to_owned(), first);
        }
        let Some(arrival) = records.get_mut(key) else { return 0 };
        let before = arrival.taken_count + arrival.refused_count;
        if taken {
            arrival.taken_count += 1;
        } else {
            arrival.refused_count += 1;
        }
        before
    }

    /// How many requests came with this key.
    #[must_use]
    pub fn seen(&self, key: &str) -> u32 {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(key).map_or(0, |arrival| arrival.taken_count + arrival.refused_count)
    }

    /// How many keys came.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests answered with success, over all keys.
    #[must_use]
    pub fn taken(&self) -> u64 {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.values().map(|arrival| u64::from(arrival.taken_count)).sum()
    }

    /// A copy of all that is known.
    #[must_use]
    pub fn all(&self) -> HashMap<String, Arrival> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
