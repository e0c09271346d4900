//! How recipients sign in: by a token that is short-lived, signed by the vault and kept nowhere. It tells whose inbox
//! it opens, and until when.

use schema::{RecipientId, TenantId, Timestamp};
use secrecy::SecretString;
use store::Vault;

/// What every token begins with.
pub const TOKEN_PREFIX: &str = "wbr_";
/// What the vault signs these tokens for.
const PURPOSE: &str = "recipient token";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Who signs in.
    pub recipient: RecipientId,
    /// Until when (exclusive).
    pub expires_at: Timestamp,
}

/// Writes a token: tenant, recipient and expiry, the last in microseconds since 1970.
#[must_use]
pub fn issue(vault: &Vault, pass: &Pass) -> SecretString {
    let Pass { tenant, recipient, expires_at } = pass;
    let ends = expires_at.unix_micros().to_string();
    let token = vault.link_token(PURPOSE, &[tenant.as_str(), recipient.as_str(), &ends]);
    SecretString::from(format!("{TOKEN_PREFIX}{token}"))
}

/// What a token without its prefix says; nothing when it is not one of ours.
#[must_use]
pub fn read(vault: &Vault, token: &str) -> Option<Pass> {
    let words = vault.read_link_token(PURPOSE, token)?;
    let [tenant, recipient, expires_at] = words.as_slice() else { return None };
    Some(Pass {
        tenant: tenant.parse().ok()?,
        recipient: recipient.parse().ok()?,
        expires_at: Timestamp::from_unix_micros(expires_at.parse().ok()?),
    })
}
