use schema::{RecipientId, SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
pub const UNSUBSCRIBE_PURPOSE: &str = "unsubscribe";

/// The token that ends a subscription (RFC 8058): tenant and subscription. Where the subscription is a group's it names
/// the recipient behind them: that one opts out alone.
#[must_use]
pub fn unsubscribe_token(
    vault: &Vault,
    tenant: &TenantId,
    subscription: &SubscriptionId,
    member: Option<&RecipientId>,
) -> String {
    let mut words = vec![tenant.as_str(), subscription.as_str()];
    words.extend(member.map(RecipientId::as_str));
    vault.link_token(UNSUBSCRIBE_PURPOSE, &words)
}

/// What a token ends; nothing when it is not one of ours.
#[must_use]
pub fn read_unsubscribe_token(
    vault: &Vault,
    token: &str,
) -> Option<(TenantId, SubscriptionId, Option<RecipientId>)> {
    let words = vault.read_link_token(UNSUBSCRIBE_PURPOSE, token)?;
    let (tenant, subscription, member) = match words.as_slice() {
        [tenant, subscription] => (tenant, subscription, None),
        [tenant, subscription, member] => (tenant, subscription, Some(member)),
        _ => return None,
    };
    let member = member.map(|member| member.parse()).transpose().ok()?;
    Some((tenant.parse().ok()?, subscription.parse().ok()?, member))
}
