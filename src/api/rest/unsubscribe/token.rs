use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::{RecipientId, SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
const PURPOSE: &str = "unsubscribe";
/// Longest token that is looked at: three names of 64 bytes, and a signature.
const MAX_TOKEN_BYTES: usize = 512;

/// What a link ends.
pub(super) struct Link {
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    /// Who opts out alone, where the subscription is a group's.
    pub member: Option<RecipientId>,
}

/// What a token ends; nothing when it is not one of ours. Dispatch writes them: base64url of `tenant/subscription`, for
/// a group's `tenant/subscription/recipient`, a dot, the vault's signature of the same bytes.
pub(super) fn read(vault: &Vault, token: &str) -> Option<Link> {
    let (named, signature) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    let named = URL_SAFE_NO_PAD.decode(named).ok()?;
    if !vault.verify(PURPOSE, &named, signature) {
        return None;
    }
    let named = String::from_utf8(named).ok()?;
    let mut names = named.splitn(3, '/');
    let (tenant, subscription) = (names.next()?.parse().ok()?, names.next()?.parse().ok()?);
    let member = names.next().map(str::parse).transpose().ok()?;
    Some(Link { tenant, subscription, member })
}
