use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use async_graphql::dataloader::Loader;
use schema::{RecipientId, Sealed, StreamId};
use secrecy::ExposeSecret;
use store::UnsealError;

use super::Rows;
use crate::graphql::fault::Fault;
use crate::sealing::sealed_for;

/// A sealed value, whose it is, and the place it was sealed for.
#[derive(Clone, Debug)]
pub struct SealedKey {
    subject: RecipientId,
    aad: String,
    sealed: Sealed,
}

/// What a sealed value turned out to be. Held in memory for one answer, never logged.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// The text.
    Clear(String),
    /// Its key was destroyed.
    Erased,
}

impl SealedKey {
    /// A value of `subject`, sealed for `field` of `stream`.
    #[must_use]
    pub fn new(subject: RecipientId, stream: &StreamId, field: &str, sealed: Sealed) -> Self {
        Self { subject, aad: sealed_for(stream, field), sealed }
    }
}

impl PartialEq for SealedKey {
    fn eq(&self, other: &Self) -> bool {
        self.aad == other.aad && self.sealed.ciphertext == other.sealed.ciphertext
    }
}

impl Eq for SealedKey {}

impl Hash for SealedKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.aad.hash(state);
        self.sealed.ciphertext.hash(state);
    }
}

impl Loader<SealedKey> for Rows {
    type Value = Opened;
    type Error = Fault;

    /// One statement for the keys of all subjects; opening needs none.
    async fn load(&self, keys: &[SealedKey]) -> Result<HashMap<SealedKey, Opened>, Fault> {
        let subjects: BTreeSet<&RecipientId> = keys.iter().map(|key| &key.subject).collect();
        let subjects: Vec<RecipientId> = subjects.into_iter().cloned().collect();
        self.api.vault.prefetch(&self.tenant, &subjects).await?;
        let mut opened = HashMap::with_capacity(keys.len());
        for key in keys {
            opened.insert(key.clone(), self.open(key).await?);
        }
        Ok(opened)
    }
}

impl Rows {
    async fn open(&self, key: &SealedKey) -> Result<Opened, Fault> {
        match self.api.vault.unseal(&self.tenant, &key.subject, &key.aad, &key.sealed).await {
            Ok(clear) => Ok(Opened::Clear(clear.expose_secret().to_owned())),
            Err(UnsealError::Erased) => Ok(Opened::Erased),
            Err(error) => Err(error.into()),
        }
    }
}
