use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::{SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
pub const UNSUBSCRIBE_PURPOSE: &str = "unsubscribe";

/// The token that ends a subscription (RFC 8058): base64url of `tenant/subscription`, a dot, the vault's signature of
/// the same bytes.
#[must_use]
pub fn unsubscribe_token(
    vault: &Vault,
    tenant: &TenantId,
    subscription: &SubscriptionId,
) -> String {
    let named = format!("{tenant}/{subscription}");
    let signature = vault.sign(UNSUBSCRIBE_PURPOSE, named.as_bytes());
    format!("{}.{signature}", URL_SAFE_NO_PAD.encode(named))
}

/// What a token ends; nothing when it is not one of ours.
#[must_use]
pub fn read_unsubscribe_token(vault: &Vault, token: &str) -> Option<(TenantId, SubscriptionId)> {
    let (named, signature) = token.split_once('.')?;
    let named = URL_SAFE_NO_PAD.decode(named).ok()?;
    if !vault.verify(UNSUBSCRIBE_PURPOSE, &named, signature) {
        return None;
    }
    let named = String::from_utf8(named).ok()?;
    let (tenant, subscription) = named.split_once('/')?;
    Some((tenant.parse().ok()?, subscription.parse().ok()?))
}
