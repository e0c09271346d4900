use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::{SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
const PURPOSE: &str = "unsubscribe";
/// Longest token that is looked at: two names of 64 bytes, and a signature.
const MAX_TOKEN_BYTES: usize = 512;

/// What a token ends; nothing when it is not one of ours. Dispatch writes them: base64url of `tenant/subscription`, a
/// dot, the vault's signature of the same bytes.
pub(super) fn read(vault: &Vault, token: &str) -> Option<(TenantId, SubscriptionId)> {
    let (named, signature) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    let named = URL_SAFE_NO_PAD.decode(named).ok()?;
    if !vault.verify(PURPOSE, &named, signature) {
        return None;
    }
    let named = String::from_utf8(named).ok()?;
    let (tenant, subscription) = named.split_once('/')?;
    Some((tenant.parse().ok()?, subscription.parse().ok()?))
}
