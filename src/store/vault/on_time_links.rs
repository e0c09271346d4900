use schema::events::OnTimeAnswer;
use schema::{DeliveryId, RecipientId, TenantId, Timestamp};

use super::Vault;

/// What these tokens are signed for.
const PURPOSE: &str = "on time";

/// What a link in a mail answers to "was it on time?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnTimeLink {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// Who answers.
    pub recipient: RecipientId,
    /// What.
    pub answer: OnTimeAnswer,
    /// Until when (exclusive).
    pub until: Timestamp,
}

impl Vault {
    /// The token of a link that answers; its end is in microseconds since 1970.
    #[must_use]
    pub fn on_time_token(&self, link: &OnTimeLink) -> String {
        let OnTimeLink { tenant, delivery, recipient, answer, until } = link;
        let (delivery, until) = (delivery.to_string(), until.unix_micros().to_string());
        let words = [tenant.as_str(), &delivery, recipient.as_str(), answer.as_str(), &until];
        self.link_token(PURPOSE, &words)
    }

    /// What such a token says, whether or not it has ended; nothing when it is not one of ours.
    #[must_use]
    pub fn read_on_time_token(&self, token: &str) -> Option<OnTimeLink> {
        let words = self.read_link_token(PURPOSE, token)?;
        let [tenant, delivery, recipient, answer, until] = words.as_slice() else { return None };
        Some(OnTimeLink {
            tenant: tenant.parse().ok()?,
            delivery: delivery.parse().ok()?,
            recipient: recipient.parse().ok()?,
            answer: OnTimeAnswer::named(answer)?,
            until: Timestamp::from_unix_micros(until.parse().ok()?),
        })
    }
}
