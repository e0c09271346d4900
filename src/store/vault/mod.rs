use std::sync::Arc;

use schema::{DestinationKey, RecipientId, Sealed, TenantId};
use secrecy::SecretString;

use crate::VaultConfig;

/// Why the vault did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The configured master key is not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64")]
    MasterKeyForm,
    /// The configured master key is not the one that wrapped the keys in this vault.
    #[error("the master key is not the one this vault was set up with")]
    WrongMasterKey,
    /// The database cannot be reached or refused.
    #[error("the vault is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Stored bytes are damaged.
    #[error("what the vault holds for {what} cannot be read")]
    Damaged {
        /// Whose key or which secret.
        what: String,
    },
}

/// Why sealed data cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// Its key was destroyed.
    #[error("the data was erased")]
    Erased,
    /// It was sealed under a key this vault does not know for that subject, or for another place.
    #[error("the data was not sealed for this subject and place")]
    WrongKey,
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The keys under which personal data is sealed.
pub struct Vault {}

impl Vault {
    /// Connects, and proves that the master key is the vault's.
    ///
    /// # Errors
    /// [`VaultError::MasterKeyForm`], [`VaultError::WrongMasterKey`], [`VaultError::Unavailable`].
    pub async fn connect(config: VaultConfig) -> Result<Arc<Self>, VaultError> {
        let _ = config;
        Err(VaultError::MasterKeyForm)
    }

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
        let _ = (tenant, subject, aad, clear);
        Err(VaultError::MasterKeyForm)
    }

    /// Seals many values of many subjects: `(subject, aad, clear)`, in two statements at most.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn seal_many(
        &self,
        tenant: &TenantId,
        values: &[(RecipientId, String, String)],
    ) -> Result<Vec<Sealed>, VaultError> {
        let _ = (tenant, values);
        Err(VaultError::MasterKeyForm)
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
        let _ = (tenant, subject, aad, sealed);
        Err(UnsealError::Erased)
    }

    /// Loads the keys of many subjects with one statement, so that sealing and unsealing need none.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn prefetch(
        &self,
        tenant: &TenantId,
        subjects: &[RecipientId],
    ) -> Result<(), VaultError> {
        let _ = (tenant, subjects);
        Ok(())
    }

    /// Destroys the subject's keys: what was sealed under them is gone. Returns how many there were. This node knows
    /// at once, others when their cache expires ([`VaultConfig::cache_ttl_s`]).
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]: then nothing is known to be destroyed.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        subject: &RecipientId,
    ) -> Result<u64, VaultError> {
        let _ = (tenant, subject);
        Ok(0)
    }

    /// HMAC of a value under the tenant's index key, base64url: what the look-up by address compares.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn index_tag(&self, tenant: &TenantId, clear: &str) -> Result<String, VaultError> {
        let _ = (tenant, clear);
        Err(VaultError::MasterKeyForm)
    }

    /// The pseudonym of a destination (webhook host and port, mail domain) under the tenant's index key.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn destination_key(
        &self,
        tenant: &TenantId,
        clear: &str,
    ) -> Result<DestinationKey, VaultError> {
        let _ = (tenant, clear);
        Err(VaultError::MasterKeyForm)
    }

    /// Keeps a secret, wrapped by the master key, in place of an earlier one of that name.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn put_secret(
        &self,
        tenant: &TenantId,
        name: &str,
        secret: &SecretString,
    ) -> Result<(), VaultError> {
        let _ = (tenant, name, secret);
        Ok(())
    }

    /// A secret by its name.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn secret(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<SecretString>, VaultError> {
        let _ = (tenant, name);
        Ok(None)
    }

    /// Forgets a secret; `false` when there was none.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn delete_secret(&self, tenant: &TenantId, name: &str) -> Result<bool, VaultError> {
        let _ = (tenant, name);
        Ok(false)
    }

    /// The keyed hash under which an API key's secret is kept, base64url.
    #[must_use]
    pub fn hash_api_secret(&self, secret: &str) -> String {
        let _ = secret;
        String::new()
    }

    /// Whether `secret` has this hash, in constant time.
    #[must_use]
    pub fn verify_api_secret(&self, secret: &str, hash: &str) -> bool {
        let _ = (secret, hash);
        false
    }

    /// A signature for tokens in links, base64url. One purpose's signatures are worth nothing for another.
    #[must_use]
    pub fn sign(&self, purpose: &str, bytes: &[u8]) -> String {
        let _ = (purpose, bytes);
        String::new()
    }

    /// Whether `tag` is the signature of `bytes` for `purpose`, in constant time.
    #[must_use]
    pub fn verify(&self, purpose: &str, bytes: &[u8], tag: &str) -> bool {
        let _ = (purpose, bytes, tag);
        false
    }
}
