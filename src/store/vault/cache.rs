use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use schema::{RecipientId, Sha256, TenantId};

use super::cipher::Box32;

/// A key's public name: 16 random bytes.
pub(super) type KeyId = [u8; 16];

/// What the vault knows of a subject.
#[derive(Clone)]
pub(super) struct SubjectKeys {
    /// The key that seals, if there is one.
    pub live: Option<(KeyId, Box32)>,
    /// Keys that were destroyed.
    pub destroyed: Box<[KeyId]>,
}

/// The subjects used last, for as long as an erasure elsewhere may go unseen.
pub(super) struct KeyCache {
    subjects: Mutex<LruCache<[u8; 16], (Instant, SubjectKeys)>>,
    ttl: Duration,
}

/// Subjects are kept by digest: their names would take more memory than their keys.
fn name(tenant: &TenantId, subject: &RecipientId) -> [u8; 16] {
    // A name never holds a slash.
    let digest = Sha256::of(format!("{tenant}/{subject}").as_bytes());
    let mut name = [0; 16];
    name.copy_from_slice(&digest.as_bytes()[..16]);
    name
}

impl KeyCache {
    pub fn new(subjects: usize, ttl_s: u64) -> Self {
        let bound = NonZeroUsize::new(subjects).unwrap_or(NonZeroUsize::MIN);
        // Grows as it fills: the bound is not allocated up front.
        let mut cache = LruCache::unbounded();
        cache.resize(bound);
        Self { subjects: Mutex::new(cache), ttl: Duration::from_secs(ttl_s) }
    }

    pub fn get(&self, tenant: &TenantId, subject: &RecipientId) -> Option<SubjectKeys> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, keys) = subjects.get(&name(tenant, subject))?;
        (since.elapsed() < self.ttl).then(|| keys.clone())
    }

    /// `since`: when the statement began that read them, so that an erasure meanwhile is not outlived.
    pub fn put(&self, tenant: &TenantId, subject: &RecipientId, since: Instant, keys: SubjectKeys) {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let name = name(tenant, subject);
        // A reader that began before an erasure must not bring the key back.
        let newer = subjects.peek(&name).is_some_and(|(known, _)| *known > since);
        if !newer {
            subjects.put(name, (since, keys));
        }
    }
}
