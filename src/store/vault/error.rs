use crate::StoreError;

/// Why the vault did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The configured master key is not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64")]
    MasterKeyForm,
    /// A previous master key is not 32 bytes in base64.
    #[error("each of vault.previous_master_keys must be 32 bytes in base64")]
    PreviousKeyForm,
    /// A key is configured twice.
    #[error("vault.previous_master_keys must name each key once, and not vault.master_key")]
    PreviousKeyRepeated,
    /// A row was wrapped by a key that is not configured, or is damaged.
    #[error(
        "{what} was wrapped by none of the master keys that are configured{}: add the one that did to \
         vault.previous_master_keys", wrapped_by.as_ref().map_or_else(String::new, |id| format!(" but by {id}"))
    )]
    ForeignKey {
        /// Whose key or which secret.
        what: String,
        /// The public name of the key that wrapped it, where that is known.
        wrapped_by: Option<String>,
    },
    /// Rows kept coming in under an earlier master key.
    #[error(
        "something still wraps by an earlier master key: start every node with the new one as vault.master_key, then \
         run this again"
    )]
    Unfinished,
    /// The configured master key is not the one that wrapped the keys in this vault.
    #[error(
        "the master key is not the one this vault was set up with, nor is one of vault.previous_master_keys"
    )]
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
