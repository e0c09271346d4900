//! How an attempt's end is judged: what follows a failure or a doubt, and what a late answer means.

use schema::events::{AttemptOutcome, DeadLetterReason, Evidence, NextStep};
use schema::{FailureClass, Fault, Timestamp};

use super::doubt::give_up;
use super::{AttemptEnd, AttemptResult, Course, Delivery, Event, Refusal};
use crate::retry::next_try;

/// Where waits count from, and the chance they are drawn with.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub now: Timestamp,
    pub draw: u64,
}

/// Ends the attempt under way; a late answer to an earlier one is judged by what is known of it.
pub(super) fn end_attempt(delivery: &Delivery, end: AttemptEnd) -> Result<Vec<Event>, Refusal> {
    let attempt_count = delivery.attempt_count();
    if end.attempt == 0 || end.attempt > attempt_count {
        return match delivery {
            Delivery::Unplanned => Err(Refusal::NotScheduled),
            _ => Err(Refusal::NoSuchAttempt { attempt: end.attempt, attempt_count }),
        };
    }
    let end = with_doubt_named(end);
    match delivery {
        Delivery::Unplanned | Delivery::Scheduled { .. } => Ok(vec![]),
        Delivery::Closed(closed) if closed.unsettled.contains(&end.attempt) => Ok(evidence(end)),
        Delivery::Closed(_) => Ok(vec![]),
        Delivery::Attempting { course } if course.attempts == end.attempt => {
            Ok(vec![ended(course, end)])
        }
        Delivery::Attempting { course } if course.doubtful.contains(&end.attempt) => {
            Ok(late(course, end, false))
        }
        Delivery::Retrying { course, .. } | Delivery::InDoubt { course, .. }
            if course.doubtful.contains(&end.attempt) =>
        {
            let is_last = course.attempts == end.attempt;
            Ok(late(course, end, is_last))
        }
        Delivery::Held { course } if course.doubtful.contains(&end.attempt) => {
            let holds = course.attempts == end.attempt || course.doubtful.len() == 1;
            Ok(late(course, end, holds))
        }
        // That attempt's end is recorded: the record stands.
        Delivery::Attempting { .. }
        | Delivery::Retrying { .. }
        | Delivery::InDoubt { .. }
        | Delivery::Held { .. } => Ok(vec![]),
    }
}

/// A fault of class in-doubt is a doubt.
fn with_doubt_named(mut end: AttemptEnd) -> AttemptEnd {
    if let AttemptResult::Failed(Fault { class: FailureClass::InDoubt, code, .. }) = &mut end.result
    {
        end.result = AttemptResult::InDoubt { code: std::mem::take(code) };
    }
    end
}

fn ended(course: &Course, end: AttemptEnd) -> Event {
    let moment = Moment { now: end.now, draw: end.draw };
    let AttemptEnd { attempt, sent_at, elapsed_us, .. } = end;
    let outcome = match end.result {
        AttemptResult::Succeeded(receipt) => AttemptOutcome::Succeeded { receipt },
        AttemptResult::Failed(fault) => {
            let next = after_failure(course, attempt, &fault, moment);
            AttemptOutcome::Failed { fault, next }
        }
        AttemptResult::InDoubt { code } => {
            AttemptOutcome::InDoubt { code, next: after_doubt(course, moment) }
        }
    };
    Event::AttemptEnded { attempt, sent_at, elapsed_us, outcome }
}

/// The answer to an attempt that was thought lost. A success closes the delivery even while another attempt is under
/// way, whose end is then evidence. A failure ends the doubt; it `decides` what follows only when nothing came after,
/// or nothing else holds the delivery.
fn late(course: &Course, end: AttemptEnd, decides: bool) -> Vec<Event> {
    match &end.result {
        AttemptResult::InDoubt { .. } => vec![],
        AttemptResult::Succeeded(_) => vec![ended(course, end)],
        AttemptResult::Failed(_) if decides => vec![ended(course, end)],
        AttemptResult::Failed(_) => evidence(end),
    }
}

fn evidence(end: AttemptEnd) -> Vec<Event> {
    let attempt = end.attempt;
    let evidence = match end.result {
        AttemptResult::InDoubt { .. } => return vec![],
        AttemptResult::Succeeded(receipt) => Evidence::LateSuccess { attempt, receipt },
        AttemptResult::Failed(fault) => Evidence::LateFailure { attempt, fault },
    };
    vec![Event::EvidenceRecorded { evidence }]
}

fn after_failure(course: &Course, attempt: u32, fault: &Fault, moment: Moment) -> NextStep {
    let give_up = |reason| give_up(course, attempt, reason);
    match fault.class {
        FailureClass::Transient
        | FailureClass::Throttled
        | FailureClass::Auth
        | FailureClass::Config
        | FailureClass::Unknown
        | FailureClass::InDoubt => {}
        FailureClass::Content | FailureClass::RecipientPermanent | FailureClass::Policy => {
            return give_up(DeadLetterReason::NotRetryable);
        }
    }
    if course.attempts >= course.plan.retry.attempt_limit {
        return give_up(DeadLetterReason::AttemptsExhausted);
    }
    retry(course, fault.retry_after_ms, moment)
        .unwrap_or_else(|| give_up(DeadLetterReason::DeadlinePassed))
}

/// A doubt is never given up on: where no further try is allowed or comes in time, a person may still find out.
fn after_doubt(course: &Course, moment: Moment) -> NextStep {
    let doubts = course.doubtful.len() as u64 + 1;
    let schedule = &course.plan.retry;
    if doubts > u64::from(schedule.doubt_limit) || course.attempts >= schedule.attempt_limit {
        return NextStep::Held;
    }
    retry(course, None, moment).unwrap_or(NextStep::Held)
}

/// What follows when a person found that `attempt` had not arrived: a promised retry stays; a held delivery is tried
/// again, unless another attempt in doubt still holds it or nothing is left to try.
pub(super) fn after_not_arrived(
    delivery: &Delivery,
    course: &Course,
    attempt: u32,
    moment: Moment,
) -> NextStep {
    if let Delivery::Retrying { at, .. } | Delivery::InDoubt { at, .. } = delivery {
        return NextStep::RetryAt { at: *at };
    }
    let schedule = &course.plan.retry;
    let doubts = course.doubtful.iter().filter(|doubtful| **doubtful != attempt).count() as u64;
    let exhausted = course.attempts >= schedule.attempt_limit;
    if doubts > 0 && (exhausted || doubts > u64::from(schedule.doubt_limit)) {
        return NextStep::Held;
    }
    if exhausted {
        return NextStep::DeadLettered { reason: DeadLetterReason::ResolvedNotArrived };
    }
    let too_late = || give_up(course, attempt, DeadLetterReason::DeadlinePassed);
    retry(course, None, moment).unwrap_or_else(too_late)
}

fn retry(course: &Course, retry_after_ms: Option<u64>, moment: Moment) -> Option<NextStep> {
    let plan = &course.plan;
    let at = next_try(&plan.retry, course.attempts, retry_after_ms, moment.now, moment.draw);
    (at < plan.deadline).then_some(NextStep::RetryAt { at })
}
