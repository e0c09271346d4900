use schema::{RecipientId, SubscriptionId, TenantId};

use super::Vault;

/// What these tokens are signed for.
const PURPOSE: &str = "unsubscribe";

/// What a link in a mail ends (RFC 8058).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubscribeLink {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Which subscription.
    pub subscription: SubscriptionId,
    /// Who opts out alone, where the subscription is a group's.
    pub member: Option<RecipientId>,
}

impl Vault {
    /// The token of a link that ends a subscription. It holds for good: who unsubscribes from an old mail means it.
    #[must_use]
    pub fn unsubscribe_token(&self, link: &UnsubscribeLink) -> String {
        let mut words = vec![link.tenant.as_str(), link.subscription.as_str()];
        words.extend(link.member.as_ref().map(RecipientId::as_str));
        self.link_token(PURPOSE, &words)
    }

    /// What such a token says; nothing when it is not one of ours.
    #[must_use]
    pub fn read_unsubscribe_token(&self, token: &str) -> Option<UnsubscribeLink> {
        let words = self.read_link_token(PURPOSE, token)?;
        let (tenant, subscription, member) = match words.as_slice() {
            [tenant, subscription] => (tenant, subscription, None),
            [tenant, subscription, member] => (tenant, subscription, Some(member)),
            _ => return None,
        };
        Some(UnsubscribeLink {
            tenant: tenant.parse().ok()?,
            subscription: subscription.parse().ok()?,
            member: member.map(|member| member.parse()).transpose().ok()?,
        })
    }
}
