//! How a delivery stands after an event, as far as the event itself says it.

use chrono::{DateTime, Utc};
use schema::events::{AttemptOutcome, DeliveryEvent, Evidence, NextStep};
use schema::{FailureClass, Fault, Planned, Proof, RecordedEvent, Timestamp};

use super::facts::Facts;
use super::{DeliveryOutcome, DeliveryState};

/// Stands for the attempt that left first, where it was not to leave at once.
const PLANNED_LATER: i64 = 0;

/// What a batch changed about a delivery; absent parts stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Change {
    pub state: Option<DeliveryState>,
    pub outcome: Option<DeliveryOutcome>,
    pub reason: Option<&'static str>,
    pub attempts: Option<i64>,
    pub node: Option<String>,
    pub fault_class: Option<&'static str>,
    pub fault_code: Option<String>,
    /// Meant with `state`: absent there is "none".
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Counts only when nothing was sent before.
    pub first_sent_at: Option<DateTime<Utc>>,
    pub latency_us: Option<i64>,
    pub elapsed_us: Option<i64>,
    pub closed_at: Option<DateTime<Utc>>,
    pub bounced_at: Option<DateTime<Utc>>,
    /// What the recipient said last.
    pub answer: Option<&'static str>,
    /// Which attempt left first, where that was not the first; 0 where it was planned for later. Goes with
    /// `first_sent_at`.
    pub left_by: Option<i64>,
    pub last_position: i64,
}

impl Change {
    pub(super) fn fold(&mut self, facts: &Facts, event: &RecordedEvent, change: &DeliveryEvent) {
        self.last_position = event.position.0;
        let at = event.recorded_at.to_chrono();
        match change {
            DeliveryEvent::DeliveryScheduled(plan) => self.wait(plan.planned.as_ref()),
            DeliveryEvent::DeliveryRescheduled { planned } => self.wait(planned.as_ref()),
            DeliveryEvent::AttemptStarted { attempt, node, address_revision: _ } => {
                self.attempts = Some(i64::from(*attempt));
                self.node = Some(node.clone());
                self.stand(DeliveryState::Attempting, None);
            }
            DeliveryEvent::AttemptEnded { sent_at, elapsed_us, outcome, attempt } => {
                self.sent(facts, *attempt, *sent_at, *elapsed_us);
                self.ended(at, outcome);
            }
            DeliveryEvent::DoubtResolved { next, .. } => match next {
                None => self.close(DeliveryOutcome::Accepted, None, at),
                Some(next) => self.go_on(next, false, at),
            },
            DeliveryEvent::DeliveryCancelled { reason } => {
                self.close(DeliveryOutcome::Cancelled, Some(reason.as_str()), at);
            }
            DeliveryEvent::DeliveryExpired { .. } => {
                self.close(DeliveryOutcome::Expired, None, at);
            }
            DeliveryEvent::DeliverySuppressed { reason } => {
                self.close(DeliveryOutcome::Suppressed, Some(reason.as_str()), at);
            }
            DeliveryEvent::EvidenceRecorded { evidence } => self.learned(at, evidence),
            DeliveryEvent::EntryMarked { .. } => {}
        }
    }

    /// Before the first attempt.
    fn wait(&mut self, planned: Option<&Planned>) {
        if planned.is_some() {
            self.left_by = Some(PLANNED_LATER);
        }
        let due = planned.map(|planned| planned.due.to_chrono());
        self.stand(DeliveryState::Scheduled, due);
    }

    /// Whether it ended within the batch.
    pub(super) fn closed(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether it had a failure or a doubt, or ended other than well, within the batch.
    pub(super) fn has_trouble(&self) -> bool {
        use DeliveryOutcome as O;
        let bad_end = match self.outcome {
            Some(O::DeadLettered | O::Cancelled | O::Expired | O::Suppressed) => true,
            Some(O::Delivered | O::Accepted) | None => false,
        };
        bad_end || self.fault_class.is_some()
    }

    /// Whether it got through within the batch and did not come back.
    pub(super) fn got_through(&self) -> bool {
        matches!(self.outcome, Some(DeliveryOutcome::Delivered | DeliveryOutcome::Accepted))
            && self.bounced_at.is_none()
    }

    fn stand(&mut self, state: DeliveryState, next_attempt_at: Option<DateTime<Utc>>) {
        self.state = Some(state);
        self.next_attempt_at = next_attempt_at;
    }

    fn close(&mut self, outcome: DeliveryOutcome, reason: Option<&'static str>, at: DateTime<Utc>) {
        self.stand(DeliveryState::Closed, None);
        self.outcome = Some(outcome);
        self.reason = reason;
        self.closed_at = Some(at);
    }

    fn sent(
        &mut self,
        facts: &Facts,
        attempt: u32,
        sent_at: Option<Timestamp>,
        elapsed_us: Option<u64>,
    ) {
        if let Some(elapsed) = elapsed_us {
            self.elapsed_us = i64::try_from(elapsed).ok();
        }
        if let (Some(sent_at), None) = (sent_at, self.first_sent_at) {
            let sent_at = sent_at.to_chrono();
            self.first_sent_at = Some(sent_at);
            if self.left_by != Some(PLANNED_LATER) {
                self.left_by = (attempt > 1).then_some(i64::from(attempt));
            }
            self.latency_us =
                Some(sent_at.timestamp_micros() - facts.received_at.timestamp_micros());
        }
    }

    fn ended(&mut self, at: DateTime<Utc>, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Succeeded { receipt } => {
                let outcome = match receipt.proof {
                    Proof::Delivered => DeliveryOutcome::Delivered,
                    Proof::Accepted => DeliveryOutcome::Accepted,
                };
                self.close(outcome, None, at);
            }
            AttemptOutcome::Failed { fault, next } => {
                self.fault(fault);
                self.go_on(next, false, at);
            }
            AttemptOutcome::InDoubt { code, next } => {
                self.fault_class = Some(FailureClass::InDoubt.as_str());
                self.fault_code = Some(code.clone());
                self.go_on(next, true, at);
            }
        }
    }

    fn go_on(&mut self, next: &NextStep, in_doubt: bool, at: DateTime<Utc>) {
        match next {
            NextStep::RetryAt { at } if in_doubt => {
                self.stand(DeliveryState::InDoubt, Some(at.to_chrono()));
            }
            NextStep::RetryAt { at } => self.stand(DeliveryState::Retrying, Some(at.to_chrono())),
            NextStep::Held => self.stand(DeliveryState::Held, None),
            NextStep::DeadLettered { reason } => {
                self.close(DeliveryOutcome::DeadLettered, Some(reason.as_str()), at);
            }
        }
    }

    fn learned(&mut self, at: DateTime<Utc>, evidence: &Evidence) {
        match evidence {
            Evidence::Bounced { fault } => {
                self.fault(fault);
                self.bounced_at = Some(at);
            }
            Evidence::LateSuccess { .. }
            | Evidence::LateFailure { .. }
            | Evidence::Resent { .. }
            | Evidence::Complained { .. }
            | Evidence::AutoReplied => {}
            Evidence::OnTimeAnswered { answer, .. } => self.answer = Some(answer.as_str()),
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.fault_class = Some(fault.class.as_str());
        self.fault_code = Some(fault.code.clone());
    }
}
