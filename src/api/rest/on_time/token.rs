use schema::events::OnTimeAnswer;
use schema::{DeliveryId, RecipientId, TenantId, Timestamp};
use store::Vault;

/// What the vault signs these tokens for.
const PURPOSE: &str = "on time";

/// What a link says.
pub(super) struct Link {
    pub tenant: TenantId,
    pub delivery: DeliveryId,
    pub recipient: RecipientId,
    pub answer: OnTimeAnswer,
    until: Timestamp,
}

impl Link {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }
}

/// What a token says; nothing when it is not one of ours. Dispatch writes them.
pub(super) fn read(vault: &Vault, token: &str) -> Option<Link> {
    let words = vault.read_link_token(PURPOSE, token)?;
    let [tenant, delivery, recipient, answer, until] = words.as_slice() else { return None };
    Some(Link {
        tenant: tenant.parse().ok()?,
        delivery: delivery.parse().ok()?,
        recipient: recipient.parse().ok()?,
        answer: OnTimeAnswer::named(answer)?,
        until: Timestamp::from_unix_micros(until.parse().ok()?),
    })
}
