use crate::StoreError;

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
    Unavailable(#[from] sqlx::Error),
    /// The vault's URL cannot be used.
    #[error("the vault's database: {0}")]
    Database(#[source] StoreError),
    /// Stored bytes are damaged, or the system's randomness failed.
    #[error("what the vault holds for {what} cannot be read")]
    Damaged {
        /// Whose key or which secret.
        what: String,
    },
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(error) => Self::Unavailable(error),
            error => Self::Database(error),
        }
    }
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
