use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use schema::{ApiKeyId, Invalid};
use secrecy::SecretString;
use store::Vault;

use crate::KEY_PREFIX;

/// A fresh key: shown whole once, kept as a keyed hash.
pub struct MintedKey {
    /// Its public part.
    pub id: ApiKeyId,
    /// `wb_<id>_<secret>`, for its holder alone.
    pub whole: SecretString,
    /// What the ledger keeps of the secret.
    pub secret_hash: String,
}

impl MintedKey {
    /// 64 random bits to name it, 256 to keep it.
    ///
    /// # Errors
    /// None that can happen: the name is well-formed by construction.
    pub fn mint(vault: &Vault) -> Result<Self, Invalid> {
        let id = ApiKeyId::try_new(format!("{:016x}", rand::rng().random::<u64>()))?;
        let secret = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
        let whole = SecretString::from(format!("{KEY_PREFIX}{id}_{secret}"));
        Ok(Self { id, whole, secret_hash: vault.hash_api_secret(&secret) })
    }
}
