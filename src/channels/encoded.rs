use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Attachments in their sent form, so that a file for 100,000 recipients is encoded once. Holds at most `budget_bytes`.
pub struct EncodedCache<K: Hash + Eq, V> {
    budget_bytes: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    held_bytes: usize,
}

/// Entries of no size at all are bounded too.
const ENTRY_LIMIT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

impl<K: Hash + Eq, V: Clone> EncodedCache<K, V> {
    pub fn new(budget_bytes: usize) -> Self {
        let entries = LruCache::new(ENTRY_LIMIT);
        Self { budget_bytes, inner: Mutex::new(Inner { entries, held_bytes: 0 }) }
    }

    /// The value of `key`, made by `encode` (value and its size in bytes) when it is not held. Encoding runs outside
    /// the lock: two senders may encode the same file once each, none waits for the other.
    pub fn get_or_encode(&self, key: K, encode: impl FnOnce(&K) -> (V, usize)) -> V {
        if let Some((value, _)) = self.lock().entries.get(&key) {
            return value.clone();
        }
        let (value, size_bytes) = encode(&key);
        if size_bytes <= self.budget_bytes {
            self.hold(key, value.clone(), size_bytes);
        }
        value
    }

    fn hold(&self, key: K, value: V, size_bytes: usize) {
        let mut inner = self.lock();
        if let Some((_, (_, dropped))) = inner.entries.push(key, (value, size_bytes)) {
            inner.held_bytes -= dropped;
        }
        inner.held_bytes += size_bytes;
        while inner.held_bytes > self.budget_bytes {
            let Some((_, (_, dropped))) = inner.entries.pop_lru() else { break };
            inner.held_bytes -= dropped;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K, V>> {
        // The lock is held for map operations only; a panic cannot leave the map half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_encoded_once_and_the_budget_holds() {
        let cache = EncodedCache::<u32, u32>::new(100);
        let mut encoded = 0;
        for key in [1, 1, 2, 1] {
            cache.get_or_encode(key, |key| {
                encoded += 1;
                (*key, 40)
            });
        }
        assert_eq!(encoded, 2);
        cache.get_or_encode(3, |key| (*key, 40));
        assert_eq!(cache.lock().held_bytes, 80);
        assert!(cache.lock().entries.peek(&2).is_none(), "the least recently used one went");
        cache.get_or_encode(4, |key| (*key, 101));
        assert_eq!(cache.lock().held_bytes, 80, "what is larger than the budget is never held");
    }
}
