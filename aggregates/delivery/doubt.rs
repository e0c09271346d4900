//! What may have arrived is not given up by a rule: it is held until a person or a late answer says.

use schema::events::{AttemptOutcome, DeadLetterReason, NextStep};
use schema::{ChannelKind, FailureClass, Fault};

use super::{Course, DEADLINE_PASSED, Delivery, Event, LOG_LOST, Refusal};
use crate::form;

/// Whether a refusal of a later attempt leaves open what became of an earlier one in doubt. A webhook is asked again
/// under the same `webhook-id`: a receiver that had taken it would say so. A relay that refuses a mail knows nothing of
/// one that it, or another behind the same name, took before. An inbox has an entry once, whatever was tried.
const fn outlives_a_refusal(channel: ChannelKind) -> bool {
    match channel {
        ChannelKind::Mail => true,
        ChannelKind::Webhook | ChannelKind::Inbox => false,
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

/// After a loss: an open delivery may have been sent once more than its log says. That attempt is held in doubt;
/// which revision of the address it would have used nobody knows (0).
pub(super) fn doubt_after_loss(delivery: &Delivery, node: String) -> Result<Vec<Event>, Refusal> {
    form::opaque("node", &node)?;
    let before = delivery.attempt_count();
    let (attempt, started) = match delivery {
        Delivery::Unplanned => return Err(Refusal::NotScheduled),
        Delivery::Held { .. } | Delivery::Closed(_) => return Ok(vec![]),
        Delivery::Attempting { .. } => (before, None),
        Delivery::Scheduled { .. } | Delivery::Retrying { .. } | Delivery::InDoubt { .. } => {
            let attempt = before + 1;
            (attempt, Some(Event::AttemptStarted { attempt, node, address_revision: 0 }))
        }
    };
    let outcome = AttemptOutcome::InDoubt { code: LOG_LOST.to_owned(), next: NextStep::Held };
    let ended = Event::AttemptEnded { attempt, sent_at: None, elapsed_us: None, outcome };
    Ok(started.into_iter().chain([ended]).collect())
}
