use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::OnceCell;

/// Values that many sends share, up to a total weight; the one not used for longest goes first. A value that is being
/// loaded is loaded once, however many wait for it. One value heavier than the whole cache stays until another comes.
#[derive(Debug)]
pub(crate) struct Cache<K: Hash + Eq, V> {
    shelf: Mutex<Shelf<K, V>>,
}

#[derive(Debug)]
struct Shelf<K: Hash + Eq, V> {
    kept: LruCache<K, Kept<V>>,
    weight: u64,
    limit: u64,
}

#[derive(Debug)]
struct Kept<V> {
    cell: Arc<OnceCell<V>>,
    weight: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(limit: u64) -> Self {
        let shelf = Shelf { kept: LruCache::unbounded(), weight: 0, limit };
        Self { shelf: Mutex::new(shelf) }
    }

    /// The value, loaded if need be. A load that fails is tried again by the next who asks.
    pub(crate) async fn get<E, L: Future<Output = Result<V, E>>>(
        &self,
        key: &K,
        weight: u64,
        load: impl FnOnce() -> L,
    ) -> Result<V, E> {
        let cell = self.shelf().cell(key, weight);
        cell.get_or_try_init(load).await.cloned()
    }

    /// Keeps a value that is known without loading.
    pub(crate) fn put(&self, key: &K, weight: u64, value: V) {
        let cell = self.shelf().cell(key, weight);
        // Whoever loads it at this moment finds the same.
        let _ = cell.set(value);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<K, V>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, V> Shelf<K, V> {
    fn cell(&mut self, key: &K, weight: u64) -> Arc<OnceCell<V>> {
        if let Some(kept) = self.kept.get(key) {
            return Arc::clone(&kept.cell);
        }
        while self.weight.saturating_add(weight) > self.limit {
            let Some((_, oldest)) = self.kept.pop_lru() else { break };
            self.weight = self.weight.saturating_sub(oldest.weight);
        }
        let cell = Arc::new(OnceCell::new());
        self.kept.put(key.clone(), Kept { cell: Arc::clone(&cell), weight });
        self.weight = self.weight.saturating_add(weight);
        cell
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Cache;

    fn kept(cache: &Cache<&str, u32>, key: &'static str) -> Option<u32> {
        let shelf = cache.shelf();
        shelf.kept.peek(&key).and_then(|kept| kept.cell.get().copied())
    }

    #[tokio::test]
    async fn a_value_many_wait_for_is_loaded_once() {
        let cache = Cache::new(10);
        let loads = AtomicU32::new(0);
        let load = || async {
            loads.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>("bytes")
        };
        let all = (0..20).map(|_| cache.get(&1, 1, load));
        let values = futures::future::join_all(all).await;
        assert_eq!(values, vec![Ok("bytes"); 20]);
        assert_eq!(loads.into_inner(), 1);
    }

    #[tokio::test]
    async fn the_value_unused_for_longest_makes_room() {
        let cache = Cache::new(10);
        cache.put(&"a", 5, 1);
        cache.put(&"b", 5, 2);
        assert_eq!(cache.get(&"a", 5, || async { Ok::<_, Infallible>(9) }).await, Ok(1));
        cache.put(&"c", 4, 3);
        assert_eq!(
            (kept(&cache, "a"), kept(&cache, "b"), kept(&cache, "c")),
            (Some(1), None, Some(3))
        );
    }

    #[tokio::test]
    async fn what_is_heavier_than_the_whole_cache_is_kept_alone() {
        let cache = Cache::new(10);
        cache.put(&"a", 5, 1);
        cache.put(&"big", 50, 2);
        assert_eq!((kept(&cache, "a"), kept(&cache, "big")), (None, Some(2)));
    }
}
