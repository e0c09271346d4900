use schema::events::{DeliveryPlan, Evidence, Resolution};
use schema::{Invalid, Planned, Timestamp};

use super::doubt::{doubt_after_loss, hold_at_deadline, in_doubt};
use super::ending::{Moment, after_not_arrived, end_attempt};
use super::{
    AttemptEnd, AttemptResult, Closed, Command, Course, Delivery, Event, LEASE_ENDED, Outcome,
    Refusal, Resent, Rules, mark,
};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = Delivery;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(delivery: &Delivery, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Schedule(plan) => schedule(delivery, *plan),
            Command::Reschedule { planned } => reschedule(delivery, planned),
            Command::StartAttempt { node, address_revision, now } => {
                start_attempt(delivery, node, address_revision, now)
            }
            Command::EndAttempt(end) => end_attempt(delivery, end),
            Command::LoseAttempt { attempt, now, draw } => {
                end_attempt(delivery, lost(attempt, now, draw))
            }
            Command::DoubtAfterLoss { node } => doubt_after_loss(delivery, node),
            Command::ResolveDoubt { attempt, resolution, note, now, draw } => {
                resolve(delivery, attempt, resolution, note, Moment { now, draw })
            }
            Command::Cancel { attempt, reason } => {
                let event = Event::DeliveryCancelled { reason };
                close(delivery, attempt, Outcome::Cancelled, event)
            }
            Command::Expire { attempt, now } => expire(delivery, attempt, now),
            Command::Suppress { attempt, reason } => {
                let event = Event::DeliverySuppressed { reason };
                close(delivery, attempt, Outcome::Suppressed, event)
            }
            Command::RecordEvidence { evidence } => {
                mark::may_be_answered(delivery, &evidence)?;
                record(closed(delivery)?, evidence)
            }
            Command::MarkEntry { mark: given, now } => mark::mark(delivery, given, now),
        }
    }

    fn evolve(delivery: &mut Delivery, event: &Event) {
        delivery.evolve(event);
    }
}

fn schedule(delivery: &Delivery, plan: DeliveryPlan) -> Result<Vec<Event>, Refusal> {
    match delivery.plan() {
        None => {}
        Some(known) if *known == plan => return Ok(vec![]),
        Some(_) => return Err(Refusal::AlreadyScheduled),
    }
    if plan.deadline <= plan.received_at {
        let (deadline, received_at) = (plan.deadline, plan.received_at);
        return Err(Refusal::DeadlineNotAfterReceipt { deadline, received_at });
    }
    if plan.retry.attempt_limit == 0 {
        return Err(Invalid::new("retry.attempt_limit", "0", "must be at least 1").into());
    }
    Ok(vec![Event::DeliveryScheduled(plan)])
}

/// What was tried once goes by its retry schedule.
fn reschedule(delivery: &Delivery, planned: Option<Planned>) -> Result<Vec<Event>, Refusal> {
    match delivery {
        Delivery::Unplanned => Err(Refusal::NotScheduled),
        Delivery::Scheduled { plan } if plan.planned == planned => Ok(vec![]),
        Delivery::Scheduled { .. } => Ok(vec![Event::DeliveryRescheduled { planned }]),
        Delivery::Closed(Closed { outcome, .. }) => Err(Refusal::Closed { outcome: *outcome }),
        Delivery::Attempting { .. }
        | Delivery::Retrying { .. }
        | Delivery::InDoubt { .. }
        | Delivery::Held { .. } => Err(Refusal::AlreadyBegun),
    }
}

fn start_attempt(
    delivery: &Delivery,
    node: String,
    address_revision: u32,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let (plan, attempts) = match delivery {
        Delivery::Unplanned => return Err(Refusal::NotScheduled),
        Delivery::Scheduled { plan } => (plan, 0),
        Delivery::Retrying { course, .. } | Delivery::InDoubt { course, .. } => {
            (&course.plan, course.attempts)
        }
        Delivery::Attempting { course } => {
            return Err(Refusal::AttemptUnderWay { attempt: course.attempts });
        }
        Delivery::Held { course } => return Err(held(course)),
        Delivery::Closed(Closed { outcome, .. }) => {
            return Err(Refusal::Closed { outcome: *outcome });
        }
    };
    form::opaque("node", &node)?;
    if now >= plan.deadline {
        return Err(Refusal::DeadlinePassed { deadline: plan.deadline });
    }
    if attempts >= plan.retry.attempt_limit {
        return Err(Refusal::AttemptsExhausted { attempt_limit: plan.retry.attempt_limit });
    }
    Ok(vec![Event::AttemptStarted { attempt: attempts + 1, node, address_revision }])
}

fn lost(attempt: u32, now: Timestamp, draw: u64) -> AttemptEnd {
    let result = AttemptResult::InDoubt { code: LEASE_ENDED.to_owned() };
    AttemptEnd { attempt, sent_at: None, elapsed_us: None, result, now, draw }
}

fn resolve(
    delivery: &Delivery,
    attempt: u32,
    resolution: Resolution,
    note: String,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let course = open(delivery)?.ok_or(Refusal::NotInDoubt { attempt })?;
    form::reason(&note).map_err(|invalid| Invalid { field: "note".to_owned(), ..invalid })?;
    if let Delivery::Attempting { course } = delivery {
        return Err(Refusal::AttemptUnderWay { attempt: course.attempts });
    }
    if !course.doubtful.contains(&attempt) {
        return Err(Refusal::NotInDoubt { attempt });
    }
    let next = match resolution {
        Resolution::Arrived => None,
        Resolution::NotArrived => Some(after_not_arrived(delivery, course, attempt, moment)),
    };
    Ok(vec![Event::DoubtResolved { attempt, resolution, note, next }])
}

fn expire(
    delivery: &Delivery,
    attempt: Option<u32>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let deadline = delivery.plan().ok_or(Refusal::NotScheduled)?.deadline;
    if !delivery.is_closed() && now < deadline {
        return Err(Refusal::DeadlineNotReached { deadline });
    }
    let expired = close(delivery, attempt, Outcome::Expired, Event::DeliveryExpired { deadline })?;
    if let Delivery::Held { course } = delivery {
        return Err(held(course));
    }
    let doubtful = in_doubt(delivery);
    Ok(doubtful.map_or(expired, |doubtful| vec![hold_at_deadline(doubtful, attempt)]))
}

fn held(course: &Course) -> Refusal {
    Refusal::Held { attempt: course.doubtful.last().copied().unwrap_or(course.attempts) }
}

/// Closes an open delivery from outside a send. While one is under way only its own sender may, by naming it.
fn close(
    delivery: &Delivery,
    sender: Option<u32>,
    outcome: Outcome,
    event: Event,
) -> Result<Vec<Event>, Refusal> {
    if delivery.outcome() == Some(outcome) {
        return Ok(vec![]);
    }
    open(delivery)?;
    let under_way = match delivery {
        Delivery::Attempting { course } => Some(course.attempts),
        _ => None,
    };
    match (under_way, sender) {
        (Some(attempt), sender) if sender != Some(attempt) => {
            Err(Refusal::AttemptUnderWay { attempt })
        }
        (None, Some(attempt)) => {
            Err(Refusal::NoSuchAttempt { attempt, attempt_count: delivery.attempt_count() })
        }
        (Some(_) | None, _) => Ok(vec![event]),
    }
}

/// The course of an open delivery; none when it was not tried yet.
fn open(delivery: &Delivery) -> Result<Option<&Course>, Refusal> {
    match delivery {
        Delivery::Unplanned => Err(Refusal::NotScheduled),
        Delivery::Closed(Closed { outcome, .. }) => Err(Refusal::Closed { outcome: *outcome }),
        _ => Ok(delivery.course()),
    }
}

fn closed(delivery: &Delivery) -> Result<&Closed, Refusal> {
    match delivery {
        Delivery::Unplanned => Err(Refusal::NotScheduled),
        Delivery::Closed(closed) => Ok(closed),
        _ => Err(Refusal::NotClosed),
    }
}

fn record(closed: &Closed, evidence: Evidence) -> Result<Vec<Event>, Refusal> {
    let is_news = match &evidence {
        Evidence::LateSuccess { attempt, .. } | Evidence::LateFailure { attempt, .. } => {
            unsettled(closed, *attempt)?
        }
        Evidence::Bounced { .. } => may_bounce(closed)?,
        Evidence::Resent { delivery, resend } => {
            may_be_resent(closed, Resent { delivery: *delivery, resend: *resend })?
        }
        // Once is enough: some providers report a mail again and again, and mailboxes answer each attempt.
        Evidence::Complained { .. } => was_sent(closed)? && !closed.complained,
        Evidence::AutoReplied => was_sent(closed)? && !closed.auto_replied,
        // People change their minds; the same again is nothing new, by whichever way.
        Evidence::OnTimeAnswered { answer, .. } => {
            was_sent(closed)? && closed.answer != Some(*answer)
        }
    };
    Ok(if is_news { vec![Event::EvidenceRecorded { evidence }] } else { vec![] })
}

fn unsettled(closed: &Closed, attempt: u32) -> Result<bool, Refusal> {
    if attempt == 0 || attempt > closed.attempts {
        return Err(Refusal::NoSuchAttempt { attempt, attempt_count: closed.attempts });
    }
    Ok(closed.unsettled.contains(&attempt))
}

fn may_bounce(closed: &Closed) -> Result<bool, Refusal> {
    match closed.outcome {
        Outcome::Accepted => Ok(!closed.bounced),
        outcome => Err(Refusal::NotAccepted { outcome }),
    }
}

/// Nobody can have anything to say about what never left.
fn was_sent(closed: &Closed) -> Result<bool, Refusal> {
    if closed.attempts == 0 { Err(Refusal::NeverSent) } else { Ok(true) }
}

fn may_be_resent(closed: &Closed, given: Resent) -> Result<bool, Refusal> {
    if let Some(original) = closed.plan.resend_of {
        return Err(Refusal::NotTheOriginal { original });
    }
    if closed.resent == Some(given) {
        return Ok(false);
    }
    let expected = closed.resent.map_or(0, |last| last.resend).saturating_add(1);
    if given.resend != expected {
        return Err(Refusal::ResendOutOfOrder { expected, given: given.resend });
    }
    Ok(true)
}
