use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use schema::{RecipientId, Sealed, TenantId};
use secrecy::SecretString;

use super::cache::{KeyId, SubjectKeys};
use super::cipher::{self, Box32, damaged, decode, derive, encode, fill, mac, open, wrap};
use super::queries::KeyRow;
use super::{UnsealError, Vault, VaultError, queries};

/// Subjects in one statement, at most.
const PAGE: usize = 5_000;

impl Vault {
    /// Seals a value under the subject's key, made now if there is none. `aad` names the place it is sealed for:
    /// stream and field.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn seal(
        &self,
        tenant: &TenantId,
        subject: &RecipientId,
        aad: &str,
        clear: &str,
    ) -> Result<Sealed, VaultError> {
        let (id, key) = match self.cache.get(tenant, subject).and_then(|keys| keys.live) {
            Some(live) => live,
            None => self
                .make_keys(tenant, &BTreeSet::from([subject]))
                .await?
                .remove(subject)
                .ok_or_else(|| damaged(subject.as_str()))?,
        };
        seal(&id, &key, aad, clear)
    }

    /// Seals many values of many subjects: `(subject, aad, clear)`, in a few statements for all of them.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn seal_many(
        &self,
        tenant: &TenantId,
        values: &[(RecipientId, String, String)],
    ) -> Result<Vec<Sealed>, VaultError> {
        let mut keys = HashMap::new();
        let mut unknown = BTreeSet::new();
        for (subject, _, _) in values {
            match self.cache.get(tenant, subject).and_then(|keys| keys.live) {
                Some(live) => drop(keys.insert(subject.clone(), live)),
                None => drop(unknown.insert(subject)),
            }
        }
        if !unknown.is_empty() {
            keys.extend(self.make_keys(tenant, &unknown).await?);
        }
        values
            .iter()
            .map(|(subject, aad, clear)| {
                let (id, key) = keys.get(subject).ok_or_else(|| damaged(subject.as_str()))?;
                seal(id, key, aad, clear)
            })
            .collect()
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`UnsealError::Erased`] when the key was destroyed.
    pub async fn unseal(
        &self,
        tenant: &TenantId,
        subject: &RecipientId,
        aad: &str,
        sealed: &Sealed,
    ) -> Result<SecretString, UnsealError> {
        let id: KeyId =
            decode(&sealed.key).and_then(|id| id.try_into().ok()).ok_or(UnsealError::WrongKey)?;
        let known = self.cache.get(tenant, subject).and_then(|keys| key_of(&keys, &id));
        let key = match known {
            Some(key) => key?,
            None => {
                let loaded = self.load(tenant, &BTreeSet::from([subject])).await?;
                let found = loaded.get(subject).and_then(|keys| key_of(keys, &id));
                found.ok_or(UnsealError::WrongKey)??
            }
        };
        let bytes = decode(&sealed.ciphertext).ok_or(UnsealError::WrongKey)?;
        let clear = open(&derive(&key, "seal"), aad, &bytes).ok_or(UnsealError::WrongKey)?;
        let text = String::from_utf8(clear).map_err(|_| UnsealError::WrongKey)?;
        Ok(SecretString::from(text))
    }

    /// Loads the keys of many subjects at once, so that sealing and unsealing them need no statement.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn prefetch(
        &self,
        tenant: &TenantId,
        subjects: &[RecipientId],
    ) -> Result<(), VaultError> {
        let unknown: BTreeSet<&RecipientId> =
            subjects.iter().filter(|subject| self.cache.get(tenant, subject).is_none()).collect();
        if !unknown.is_empty() {
            self.load(tenant, &unknown).await?;
        }
        Ok(())
    }

    /// Destroys the subject's keys: what was sealed under them is gone. Returns how many there were. This node knows
    /// at once, others when their cache expires ([`crate::VaultConfig::cache_ttl_s`]).
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]: then nothing is known to be destroyed.
    pub async fn erase(&self, tenant: &TenantId, subject: &RecipientId) -> Result<u64, VaultError> {
        let destroyed = queries::destroy(self.pool(), tenant, subject.as_str()).await?;
        self.load(tenant, &BTreeSet::from([subject])).await?;
        Ok(destroyed)
    }

    /// The live keys of subjects, made where there are none. Two nodes that make one at the same time get the same.
    async fn make_keys(
        &self,
        tenant: &TenantId,
        subjects: &BTreeSet<&RecipientId>,
    ) -> Result<HashMap<RecipientId, (KeyId, Box32)>, VaultError> {
        let mut loaded = self.load(tenant, subjects).await?;
        let missing: BTreeSet<&RecipientId> = subjects
            .iter()
            .copied()
            .filter(|subject| loaded.get(*subject).is_none_or(|keys| keys.live.is_none()))
            .collect();
        if !missing.is_empty() {
            self.insert(tenant, &missing).await?;
            loaded.extend(self.load(tenant, &missing).await?);
        }
        let live = loaded.into_iter().filter_map(|(subject, keys)| Some((subject, keys.live?)));
        Ok(live.collect())
    }

    async fn insert(
        &self,
        tenant: &TenantId,
        subjects: &BTreeSet<&RecipientId>,
    ) -> Result<(), VaultError> {
        let names: Vec<&str> = subjects.iter().map(|subject| subject.as_str()).collect();
        for page in names.chunks(PAGE) {
            let mut ids = Vec::with_capacity(page.len());
            let mut wrapped = Vec::with_capacity(page.len());
            for subject in page {
                let mut id: KeyId = [0; 16];
                fill(&mut id)?;
                let aad = wrapping_place(tenant.as_str(), subject, &id);
                wrapped.push(self.ring.wrap(&aad, Box32::random()?.bytes())?);
                ids.push(id.to_vec());
            }
            let by = &self.ring.current().id;
            queries::insert_keys(self.pool(), tenant, (&ids, page, &wrapped), by).await?;
        }
        Ok(())
    }

    /// Reads what there is of the subjects, and remembers it.
    async fn load(
        &self,
        tenant: &TenantId,
        subjects: &BTreeSet<&RecipientId>,
    ) -> Result<HashMap<RecipientId, SubjectKeys>, VaultError> {
        let names: Vec<&str> = subjects.iter().map(|subject| subject.as_str()).collect();
        let mut rows: BTreeMap<String, Vec<KeyRow>> = BTreeMap::new();
        let since = Instant::now();
        for page in names.chunks(PAGE) {
            for row in queries::subject_keys(self.pool(), tenant, page).await? {
                rows.entry(row.subject.clone()).or_default().push(row);
            }
        }
        let mut loaded = HashMap::with_capacity(subjects.len());
        for subject in subjects {
            let rows = rows.remove(subject.as_str()).unwrap_or_default();
            let keys = self.unwrap_rows(tenant, rows)?;
            self.cache.put(tenant, subject, since, keys.clone());
            loaded.insert((*subject).clone(), keys);
        }
        Ok(loaded)
    }

    fn unwrap_rows(&self, tenant: &TenantId, rows: Vec<KeyRow>) -> Result<SubjectKeys, VaultError> {
        let mut live = None;
        let mut destroyed = Vec::new();
        for row in rows {
            let id: KeyId = row.key_id.try_into().map_err(|_| damaged(&row.subject))?;
            let Some(wrapped) = row.wrapped else {
                destroyed.push(id);
                continue;
            };
            let aad = wrapping_place(tenant.as_str(), &row.subject, &id);
            let clear = self.ring.unwrap(&aad, &wrapped)?;
            live = Some((id, Box32::try_from_slice(&clear, &aad)?));
        }
        Ok(SubjectKeys { live, destroyed: destroyed.into_boxed_slice() })
    }
}

/// The place of a subject's key.
pub(super) fn wrapping_place(tenant: &str, subject: &str, id: &[u8]) -> String {
    format!("subject {tenant}/{subject} {}", cipher::encode(id))
}

/// The key of that name; `None` when the subject is not known to have had it.
fn key_of(keys: &SubjectKeys, id: &KeyId) -> Option<Result<Box32, UnsealError>> {
    if keys.destroyed.contains(id) {
        return Some(Err(UnsealError::Erased));
    }
    keys.live.as_ref().filter(|(live, _)| live == id).map(|(_, key)| Ok(key.clone()))
}

fn seal(id: &KeyId, key: &Box32, aad: &str, clear: &str) -> Result<Sealed, VaultError> {
    let ciphertext = wrap(&derive(key, "seal"), aad, clear.as_bytes())?;
    let tag = mac(&derive(key, "tag"), clear.as_bytes());
    Ok(Sealed {
        key: encode(id),
        ciphertext: encode(&ciphertext),
        tag: encode(&tag.as_ref()[..16]),
    })
}
