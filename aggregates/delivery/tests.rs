use schema::events::{
    AnsweredVia, AttemptOutcome, CancelReason, Complaint, DeadLetterReason, DeliveryPlan, Evidence,
    NextStep, OnTimeAnswer, Resolution, SuppressReason,
};
use schema::{ChannelKind, FailureClass, Fault, Invalid, Proof, Receipt, RetrySchedule};

use super::{
    AttemptEnd, AttemptResult, Command, DEADLINE_PASSED, Delivery, Due, Event, LEASE_ENDED,
    LOG_LOST, Lane, Outcome, Refusal, Rules, ToDo,
};
use crate::decider::fold;
use crate::given::{Given, given as given_events};
use crate::samples::{NOW, RETRY, delivery_id, fault, plan, receipt};

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn scheduled() -> Event {
    Event::DeliveryScheduled(plan())
}

fn start() -> Command {
    Command::StartAttempt { node: "n1".to_owned(), address_revision: 1, now: NOW }
}

fn started(attempt: u32) -> Event {
    Event::AttemptStarted { attempt, node: "n1".to_owned(), address_revision: 1 }
}

/// The longest wait the draw can give is drawn: 1 s.
fn end(attempt: u32, result: AttemptResult) -> Command {
    let (sent_at, elapsed_us) = (Some(NOW), Some(900));
    let end = AttemptEnd { attempt, sent_at, elapsed_us, result, now: NOW, draw: u64::MAX };
    Command::EndAttempt(end)
}

fn ended(attempt: u32, outcome: AttemptOutcome) -> Event {
    Event::AttemptEnded { attempt, sent_at: Some(NOW), elapsed_us: Some(900), outcome }
}

fn accepted() -> Receipt {
    receipt(Proof::Accepted)
}

fn success(attempt: u32) -> Event {
    ended(attempt, AttemptOutcome::Succeeded { receipt: accepted() })
}

fn failure(attempt: u32, class: FailureClass, next: NextStep) -> Event {
    ended(attempt, AttemptOutcome::Failed { fault: fault(class), next })
}

fn fails(attempt: u32, class: FailureClass) -> Command {
    end(attempt, AttemptResult::Failed(fault(class)))
}

fn doubts(attempt: u32) -> Command {
    end(attempt, AttemptResult::InDoubt { code: "cut".to_owned() })
}

fn doubt(attempt: u32, next: NextStep) -> Event {
    ended(attempt, AttemptOutcome::InDoubt { code: "cut".to_owned(), next })
}

fn retry() -> NextStep {
    NextStep::RetryAt { at: NOW.plus_ms(1000) }
}

fn dead(reason: DeadLetterReason) -> NextStep {
    NextStep::DeadLettered { reason }
}

fn attempting() -> Vec<Event> {
    vec![scheduled(), started(1)]
}

fn after(mut events: Vec<Event>, more: &[Event]) -> Vec<Event> {
    events.extend_from_slice(more);
    events
}

fn in_doubt() -> Vec<Event> {
    after(attempting(), &[doubt(1, retry())])
}

/// Two doubts, one more than may be retried.
fn held() -> Vec<Event> {
    after(in_doubt(), &[started(2), doubt(2, NextStep::Held)])
}

fn closed() -> Vec<Event> {
    after(attempting(), &[success(1)])
}

fn resolve(attempt: u32, resolution: Resolution) -> Command {
    let note = "asked".to_owned();
    Command::ResolveDoubt { attempt, resolution, note, now: NOW, draw: u64::MAX }
}

fn resolved(attempt: u32, resolution: Resolution, next: Option<NextStep>) -> Event {
    Event::DoubtResolved { attempt, resolution, note: "asked".to_owned(), next }
}

fn cancel(attempt: Option<u32>) -> Command {
    Command::Cancel { attempt, reason: CancelReason::Withdrawn }
}

fn cancelled() -> Event {
    Event::DeliveryCancelled { reason: CancelReason::Withdrawn }
}

fn suppress(attempt: Option<u32>) -> Command {
    Command::Suppress { attempt, reason: SuppressReason::Unsubscribed }
}

fn suppressed() -> Event {
    Event::DeliverySuppressed { reason: SuppressReason::Unsubscribed }
}

fn expire(attempt: Option<u32>) -> Command {
    Command::Expire { attempt, now: plan().deadline }
}

fn expired() -> Event {
    Event::DeliveryExpired { deadline: plan().deadline }
}

fn evidence(evidence: Evidence) -> Event {
    Event::EvidenceRecorded { evidence }
}

fn record(evidence: Evidence) -> Command {
    Command::RecordEvidence { evidence }
}

fn late_success(attempt: u32) -> Evidence {
    Evidence::LateSuccess { attempt, receipt: accepted() }
}

fn late_failure(attempt: u32) -> Evidence {
    Evidence::LateFailure { attempt, fault: fault(FailureClass::Transient) }
}

fn bounced() -> Evidence {
    Evidence::Bounced { fault: fault(FailureClass::RecipientPermanent) }
}

fn resent(resend: u32) -> Evidence {
    Evidence::Resent { delivery: delivery_id(resend), resend }
}

mod closing;
mod doubt;
mod marking;
mod moving;
mod sending;
