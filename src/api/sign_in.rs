//! How recipients sign in: by a token that is short-lived, signed by the vault and kept nowhere. It tells whose inbox
//! it opens, and until when.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// Writes a token: base64url of `tenant/recipient/expiry`, the last in microseconds since 1970, a dot, the vault's
/// signature of the same bytes.
#[must_use]
pub fn issue(vault: &Vault, pass: &Pass) -> SecretString {
    let Pass { tenant, recipient, expires_at } = pass;
    let said = format!("{tenant}/{recipient}/{}", expires_at.unix_micros());
    let signature = vault.sign(PURPOSE, said.as_bytes());
    let said = URL_SAFE_NO_PAD.encode(said);
    SecretString::from(format!("{TOKEN_PREFIX}{said}.{signature}"))
}

/// What a token without its prefix says; nothing when it is not one of ours.
#[must_use]
pub fn read(vault: &Vault, token: &str) -> Option<Pass> {
    let (said, signature) = token.split_once('.')?;
    let said = URL_SAFE_NO_PAD.decode(said).ok()?;
    if !vault.verify(PURPOSE, &said, signature) {
        return None;
    }
    let said = String::from_utf8(said).ok()?;
    let (tenant, rest) = said.split_once('/')?;
    let (recipient, expires_at) = rest.split_once('/')?;
    Some(Pass {
        tenant: tenant.parse().ok()?,
        recipient: recipient.parse().ok()?,
        expires_at: Timestamp::from_unix_micros(expires_at.parse().ok()?),
    })
}
