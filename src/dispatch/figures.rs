//! What dispatch counts and measures. Labels are names out of fixed sets: never a tenant, a destination or a delivery.

use std::sync::atomic::{AtomicU32, Ordering};

use metrics::{counter, gauge, histogram};
use schema::events::{AttemptOutcome, DeadLetterReason, DeliveryEvent, NextStep};
use schema::{ChannelKind, LedgerEvent, RecordedEvent, Timestamp};

use tracing::warn;

use crate::Permits;

/// Sends under way, by channel.
const PERMITS_IN_USE: &str = "waybill_permits_in_use";
/// From the first byte to the answer, by channel and result.
const SEND_SECONDS: &str = "waybill_send_seconds";
/// From a report's durable record to its first attempt on the wire, by channel.
const RECORD_TO_WIRE_SECONDS: &str = "waybill_record_to_wire_seconds";
/// Rows taken from the delivery queue, by lane.
const CLAIMED_TOTAL: &str = "waybill_queue_claimed_total";
/// Outcomes that wait to be recorded because the ledger does not take them.
const UNRECORDED: &str = "waybill_unrecorded_outcomes";
/// Deliveries that wait for a person to say whether they arrived, though their deadline has passed.
const HELD_PAST_DEADLINE: &str = "waybill_held_past_deadline";

pub(crate) fn held_past_deadline(count: u32) {
    gauge!(HELD_PAST_DEADLINE).set(count);
}

pub(crate) fn permits(permits: &Permits) {
    for channel in ChannelKind::ALL {
        gauge!(PERMITS_IN_USE, "channel" => channel.as_str()).set(permits.in_use(channel));
    }
}

pub(crate) fn sent(channel: ChannelKind, result: &'static str, elapsed_us: u64) {
    histogram!(SEND_SECONDS, "channel" => channel.as_str(), "result" => result)
        .record(seconds(elapsed_us));
}

pub(crate) fn first_on_wire(channel: ChannelKind, recorded_at: Timestamp, sent_at: Timestamp) {
    let elapsed_us = u64::try_from(sent_at.micros_since(recorded_at)).unwrap_or_default();
    histogram!(RECORD_TO_WIRE_SECONDS, "channel" => channel.as_str()).record(seconds(elapsed_us));
}

pub(crate) fn claimed(lane: &'static str, rows: usize) {
    counter!(CLAIMED_TOTAL, "lane" => lane).increment(rows as u64);
}

/// Outcomes that wait to be recorded.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded(AtomicU32);

impl Unrecorded {
    /// Counts one more until the guard is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.0)
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One that waits.
pub(crate) struct Waiting<'u>(&'u AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn unrecorded(unrecorded: &Unrecorded) {
    gauge!(UNRECORDED).set(unrecorded.count());
}

/// Tells what was recorded here, once.
pub(crate) fn learned(recorded: &RecordedEvent) {
    let id = &recorded.stream.aggregate_id;
    let next = match &recorded.event {
        LedgerEvent::Delivery(DeliveryEvent::AttemptEnded { outcome, .. }) => match outcome {
            AttemptOutcome::Succeeded { .. } => return,
            AttemptOutcome::Failed { next, .. } => next,
            AttemptOutcome::InDoubt { code, next } => {
                warn!(delivery.id = %id, code, "delivery {id} is in doubt: its attempt may have arrived");
                next
            }
        },
        LedgerEvent::Delivery(DeliveryEvent::DoubtResolved { next: Some(next), .. }) => next,
        _ => return,
    };
    if let NextStep::DeadLettered { reason } = next {
        let name = reason_name(*reason);
        warn!(delivery.id = %id, reason = name, "delivery {id} is dead-lettered: {name}");
    }
}

const fn reason_name(reason: DeadLetterReason) -> &'static str {
    match reason {
        DeadLetterReason::NotRetryable => "not_retryable",
        DeadLetterReason::AttemptsExhausted => "attempts_exhausted",
        DeadLetterReason::DeadlinePassed => "deadline_passed",
        DeadLetterReason::ResolvedNotArrived => "resolved_not_arrived",
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
