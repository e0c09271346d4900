use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::{RecipientId, SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
pub const UNSUBSCRIBE_PURPOSE: &str = "unsubscribe";

/// The token that ends a subscription (RFC 8058): base64url of `tenant/subscription`, a dot, the vault's signature of
/// the same bytes. Where the subscription is a group's it names the recipient behind it: that one opts out alone.
#[must_use]
pub fn unsubscribe_token(
    vault: &Vault,
    tenant: &TenantId,
    subscription: &SubscriptionId,
    member: Option<&RecipientId>,
) -> String {
    let named = match member {
        None => format!("{tenant}/{subscription}"),
        Some(member) => format!("{tenant}/{subscription}/{member}"),
    };
    let signature = vault.sign(UNSUBSCRIBE_PURPOSE, named.as_bytes());
    format!("{}.{signature}", URL_SAFE_NO_PAD.encode(named))
}

/// What a token ends; nothing when it is not one of ours.
#[must_use]
pub fn read_unsubscribe_token(
    vault: &Vault,
    token: &str,
) -> Option<(TenantId, SubscriptionId, Option<RecipientId>)> {
    let (named, signature) = token.split_once('.')?;
    let named = URL_SAFE_NO_PAD.decode(named).ok()?;
    if !vault.verify(UNSUBSCRIBE_PURPOSE, &named, signature) {
        return None;
    }
    let named = String::from_utf8(named).ok()?;
    let mut names = named.splitn(3, '/');
    let (tenant, subscription) = (names.next()?.parse().ok()?, names.next()?.parse().ok()?);
    let member = names.next().map(str::parse).transpose().ok()?;
    Some((tenant, subscription, member))
}
