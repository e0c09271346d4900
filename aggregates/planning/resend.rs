use schema::events::DeliveryPlan;
use schema::{DeliveryId, Timestamp};

/// The plan of the `resend`-th repetition of a closed delivery, with its id. It goes by the original's grounds, which
/// are checked again before the send, and has from `now` as much time as the original had, at once: who asks
/// for it wants it now. Whether it may be: the
/// original's stream decides, when it records the repetition; whether the version is still to be had: the
/// distribution's.
#[must_use]
pub fn resend_plan(
    id: DeliveryId,
    original: &DeliveryPlan,
    resend: u32,
    now: Timestamp,
) -> (DeliveryId, DeliveryPlan) {
    let patience_us = original.deadline.micros_since(original.received_at);
    let deadline = Timestamp::from_unix_micros(now.unix_micros().saturating_add(patience_us));
    let again = DeliveryId::of(
        original.distribution,
        original.received_at,
        &original.recipient,
        original.channel,
        resend,
    );
    (
        again,
        DeliveryPlan { deadline, resend_of: Some(id), resend, planned: None, ..original.clone() },
    )
}
