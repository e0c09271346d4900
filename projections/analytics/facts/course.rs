use std::sync::Arc;

use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, Evidence, NextStep, OnTimeAnswer,
};
use schema::{
    FailureClass, Fault, Position, Proof, RecordedEvent, ReportName, Timestamp, VersionName,
};

use super::rows::{AttemptFact, DeliveryFact, EvidenceFact, Fact};

/// What is remembered of a distribution: its slices do not repeat it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
}

/// What is remembered of a delivery between its events.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// What is to be sent.
    pub plan: Arc<DeliveryPlan>,
    scheduled_at: Timestamp,
    scheduled_position: Position,
    attempts: u32,
    doubts: u32,
    fault: Option<(&'static str, String)>,
    first_sent_at: Option<Timestamp>,
    elapsed_us: Option<u64>,
    content_bytes: Option<u64>,
    closed: Option<(&'static str, Timestamp)>,
}

impl Course {
    /// The beginning of a course.
    #[must_use]
    pub fn new(event: &RecordedEvent, plan: &DeliveryPlan) -> Self {
        Self {
            plan: Arc::new(plan.clone()),
            scheduled_at: event.recorded_at,
            scheduled_position: event.position,
            attempts: 0,
            doubts: 0,
            fault: None,
            first_sent_at: None,
            elapsed_us: None,
            content_bytes: None,
            closed: None,
        }
    }

    /// Folds an event of the delivery; tells the facts that follow from it.
    pub fn fold(&mut self, event: &RecordedEvent, change: &DeliveryEvent, tell: &mut Vec<Fact>) {
        match change {
            DeliveryEvent::DeliveryScheduled(_) | DeliveryEvent::DeliveryRescheduled { .. } => {}
            DeliveryEvent::AttemptStarted { attempt, .. } => self.attempts = *attempt,
            DeliveryEvent::AttemptEnded { attempt, sent_at, elapsed_us, outcome } => {
                self.first_sent_at = self.first_sent_at.or(*sent_at);
                self.elapsed_us = elapsed_us.or(self.elapsed_us);
                let went = Went { attempt: *attempt, sent_at: *sent_at, elapsed_us: *elapsed_us };
                self.ended(event, &went, outcome, tell);
            }
            DeliveryEvent::DoubtResolved { next: None, .. } => {
                self.close(event, "accepted", None, tell);
            }
            DeliveryEvent::DoubtResolved { next: Some(next), .. } => self.go_on(event, next, tell),
            DeliveryEvent::DeliveryCancelled { reason } => {
                self.close(event, "cancelled", Some(reason.as_str()), tell);
            }
            DeliveryEvent::DeliveryExpired { .. } => self.close(event, "expired", None, tell),
            DeliveryEvent::DeliverySuppressed { reason } => {
                self.close(event, "suppressed", Some(reason.as_str()), tell);
            }
            DeliveryEvent::EvidenceRecorded { evidence } => {
                let (kind, fault) = kind_of(evidence);
                tell.push(Fact::Evidence(self.evidence(event, kind, fault)));
            }
            DeliveryEvent::EntryMarked { mark } => {
                tell.push(Fact::Evidence(self.evidence(event, mark.as_str(), None)));
            }
        }
    }

    fn ended(
        &mut self,
        event: &RecordedEvent,
        went: &Went,
        outcome: &AttemptOutcome,
        tell: &mut Vec<Fact>,
    ) {
        let (result, class, code, next) = match outcome {
            AttemptOutcome::Succeeded { receipt } => {
                self.content_bytes = Some(receipt.content_bytes);
                let outcome = match receipt.proof {
                    Proof::Delivered => "delivered",
                    Proof::Accepted => "accepted",
                };
                return self.close(event, outcome, None, tell);
            }
            AttemptOutcome::Failed { fault, next } => ("failed", fault.class, &fault.code, next),
            AttemptOutcome::InDoubt { code, next } => {
                self.doubts += 1;
                ("in_doubt", FailureClass::InDoubt, code, next)
            }
        };
        self.fault = Some((class.as_str(), code.clone()));
        tell.push(Fact::Attempt(AttemptFact {
            delivery: event.stream.aggregate_id.clone(),
            plan: Arc::clone(&self.plan),
            attempt: went.attempt,
            result,
            class: class.as_str(),
            code: code.clone(),
            next: name_of(next),
            sent_at: went.sent_at,
            elapsed_us: went.elapsed_us,
            recorded_at: event.recorded_at,
            position: event.position,
        }));
        self.go_on(event, next, tell);
    }

    fn go_on(&mut self, event: &RecordedEvent, next: &NextStep, tell: &mut Vec<Fact>) {
        if let NextStep::DeadLettered { reason } = next {
            self.close(event, "dead_lettered", Some(reason.as_str()), tell);
        }
    }

    fn close(
        &mut self,
        event: &RecordedEvent,
        outcome: &'static str,
        reason: Option<&'static str>,
        tell: &mut Vec<Fact>,
    ) {
        self.closed = Some((outcome, event.recorded_at));
        tell.push(Fact::Delivery(DeliveryFact {
            delivery: event.stream.aggregate_id.clone(),
            plan: Arc::clone(&self.plan),
            outcome,
            reason,
            attempts: self.attempts,
            doubts: self.doubts,
            fault: self.fault.clone(),
            scheduled_at: self.scheduled_at,
            first_sent_at: self.first_sent_at,
            elapsed_us: self.elapsed_us,
            content_bytes: self.content_bytes,
            closed_at: event.recorded_at,
            scheduled_position: self.scheduled_position,
            position: event.position,
        }));
    }

    fn evidence(
        &self,
        event: &RecordedEvent,
        kind: &'static str,
        fault: Option<(&'static str, String)>,
    ) -> EvidenceFact {
        EvidenceFact {
            delivery: event.stream.aggregate_id.clone(),
            plan: Arc::clone(&self.plan),
            kind,
            fault,
            outcome: self.closed.map(|(outcome, _)| outcome),
            closed_at: self.closed.map(|(_, at)| at),
            recorded_at: event.recorded_at,
            position: event.position,
        }
    }
}

fn kind_of(evidence: &Evidence) -> (&'static str, Option<(&'static str, String)>) {
    match evidence {
        Evidence::LateSuccess { .. } => ("late_success", None),
        Evidence::LateFailure { fault, .. } => ("late_failure", Some(named(fault))),
        Evidence::Bounced { fault } => ("bounced", Some(named(fault))),
        Evidence::Resent { .. } => ("resent", None),
        Evidence::Complained { .. } => ("complained", None),
        Evidence::AutoReplied => ("auto_replied", None),
        Evidence::OnTimeAnswered { answer: OnTimeAnswer::OnTime, .. } => ("answered_on_time", None),
        Evidence::OnTimeAnswered { answer: OnTimeAnswer::Late, .. } => ("answered_late", None),
    }
}

struct Went {
    attempt: u32,
    sent_at: Option<Timestamp>,
    elapsed_us: Option<u64>,
}

fn named(fault: &Fault) -> (&'static str, String) {
    (fault.class.as_str(), fault.code.clone())
}

const fn name_of(next: &NextStep) -> &'static str {
    match next {
        NextStep::RetryAt { .. } => "retry",
        NextStep::Held => "held",
        NextStep::DeadLettered { .. } => "dead_lettered",
    }
}
