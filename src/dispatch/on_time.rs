use schema::events::{DeliveryPlan, OnTimeAnswer};
use schema::{DeliveryId, RecipientId, TenantId, Timestamp};
use store::Vault;

use crate::carried::Carried;

/// What the vault signs these tokens for.
pub const ON_TIME_PURPOSE: &str = "on time";

/// A mail may be answered for so long after its deadline.
const ANSWERED_WITHIN_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The token behind a mail's answer: the same on every attempt, as the mail is.
pub(crate) fn on_time_token(
    vault: &Vault,
    carried: &Carried,
    plan: &DeliveryPlan,
    answer: OnTimeAnswer,
) -> String {
    let until = plan.deadline.plus_ms(ANSWERED_WITHIN_MS);
    answer_token(vault, &carried.tenant, carried.delivery, &plan.recipient, answer, until)
}

/// A token by which `recipient` says `answer` of a delivery, until then.
#[must_use]
pub fn answer_token(
    vault: &Vault,
    tenant: &TenantId,
    delivery: DeliveryId,
    recipient: &RecipientId,
    answer: OnTimeAnswer,
    until: Timestamp,
) -> String {
    let (delivery, until) = (delivery.to_string(), until.unix_micros().to_string());
    let words = [tenant.as_str(), &delivery, recipient.as_str(), answer.as_str(), &until];
    vault.link_token(ON_TIME_PURPOSE, &words)
}
