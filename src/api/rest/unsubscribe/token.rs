use schema::{RecipientId, SubscriptionId, TenantId};
use store::Vault;

/// What the vault signs these tokens for.
const PURPOSE: &str = "unsubscribe";

/// What a link ends.
pub(super) struct Link {
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    /// Who opts out alone, where the subscription is a group's.
    pub member: Option<RecipientId>,
}

/// What a token ends; nothing when it is not one of ours. Dispatch writes them.
pub(super) fn read(vault: &Vault, token: &str) -> Option<Link> {
    let words = vault.read_link_token(PURPOSE, token)?;
    let (tenant, subscription, member) = match words.as_slice() {
        [tenant, subscription] => (tenant, subscription, None),
        [tenant, subscription, member] => (tenant, subscription, Some(member)),
        _ => return None,
    };
    let member = member.map(|member| member.parse()).transpose().ok()?;
    Some(Link { tenant: tenant.parse().ok()?, subscription: subscription.parse().ok()?, member })
}
