//! What may have arrived is not given up by a rule: it is held until a person or a late answer says.

use schema::events::{AttemptOutcome, DeadLetterReason, NextStep};
use schema::{ChannelKind, FailureClass, Fault};

use super::{Course, DEADLINE_PASSED, Delivery, Event};

/// Whether a refusal of a later attempt leaves open what became of an earlier one in doubt. A webhook is asked again
/// under the same `webhook-id`: a receiver that had taken it would say so. A relay that refuses a mail knows nothing of
/// one that it, or another behind the same name, took before.
const fn outlives_a_refusal(channel: ChannelKind) -> bool {
    match channel {
        ChannelKind::Mail => true,
        ChannelKind::Webhook => false,
    }
}

/// Given up for `reason` after `attempt`, or held for the sake of another one in doubt.
pub(super) fn give_up(course: &Course, attempt: u32, reason: DeadLetterReason) -> NextStep {
    let another = course.doubtful.iter().any(|doubtful| *doubtful != attempt);
    if another && outlives_a_refusal(course.plan.channel) {
        return NextStep::Held;
    }
    NextStep::DeadLettered { reason }
}

/// The attempt in doubt for whose sake an open delivery does not expire.
pub(super) fn in_doubt(delivery: &Delivery) -> Option<u32> {
    let course = delivery.course()?;
    let ended = match delivery {
        Delivery::Attempting { .. } => course.attempts - 1,
        _ => course.attempts,
    };
    let counts = |doubtful: &u32| *doubtful == ended || outlives_a_refusal(course.plan.channel);
    course.doubtful.iter().rev().copied().find(counts)
}

/// The deadline of a delivery with `doubtful` in doubt: no further try, and a person must say. `unsent` is the attempt
/// whose own sender found that it is too late.
pub(super) fn hold_at_deadline(doubtful: u32, unsent: Option<u32>) -> Event {
    let (code, next) = (DEADLINE_PASSED.to_owned(), NextStep::Held);
    let outcome = match unsent {
        None => AttemptOutcome::InDoubt { code, next },
        Some(_) => {
            let class = FailureClass::Transient;
            let fault = Fault { class, code, reply: None, retry_after_ms: None };
            AttemptOutcome::Failed { fault, next }
        }
    };
    let attempt = unsent.unwrap_or(doubtful);
    Event::AttemptEnded { attempt, sent_at: None, elapsed_us: None, outcome }
}
