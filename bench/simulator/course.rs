use std::collections::VecDeque;

use rand::Rng;
use rand::rngs::SmallRng;
use schema::events::{
    AttemptOutcome, CancelReason, DeadLetterReason, DeliveryEvent, DeliveryPlan, Evidence,
    NextStep, ReportVersion, SuppressReason,
};
use schema::{
    ChannelKind, DeliveryId, DistributionId, FailureClass, Fault, Proof, Receipt, RecordedEvent,
    RetrySchedule, Sha256, StreamId, TenantId, Timestamp,
};

use crate::people::{grant, recipient, subscription};
use crate::{skewed, told};

/// Destinations there are; the last ones fail more often.
const DESTINATIONS: u32 = 12;
const ATTEMPTS: u32 = 4;

/// What comes next.
enum Next {
    Start,
    End,
    Bounce,
}

/// One delivery on its way.
pub(crate) struct Course {
    tenant: TenantId,
    stream: StreamId,
    plan: DeliveryPlan,
    sequence: i64,
    attempt: u32,
    /// Of a thousand attempts.
    failing: u32,
    next: Next,
}

impl Course {
    pub(crate) fn plan(
        tenant: &TenantId,
        received: &ReportVersion,
        run: DistributionId,
        report: u32,
        who: u32,
        random: &mut SmallRng,
    ) -> Self {
        let recipient = recipient(who);
        let by_webhook = (who + report).is_multiple_of(3);
        let channel = if by_webhook { ChannelKind::Webhook } else { ChannelKind::Mail };
        let destination = skewed(random, DESTINATIONS);
        let delivery = DeliveryId::of(run, received.received_at, &recipient, channel, 0);
        let plan = DeliveryPlan {
            distribution: run,
            report: received.report.clone(),
            version: received.version.clone(),
            recipient,
            channel,
            subscription: subscription(who),
            subscription_version: 1,
            group: None,
            grant: grant(),
            slice: 0,
            address: "work".parse().unwrap(),
            destination: format!("{channel}-{destination}").parse().unwrap(),
            format: None,
            received_at: received.received_at,
            deadline: received.deadline,
            retry: RetrySchedule {
                base_ms: 1_000,
                cap_ms: 60_000,
                attempt_limit: ATTEMPTS,
                retry_after_cap_ms: 60_000,
                doubt_limit: 1,
            },
            resend_of: None,
            resend: 0,
            planned: None,
        };
        // A bad day in a week for some destinations, by the day.
        let day = received.received_at.unix_micros() / 86_400_000_000;
        let bad_day = (day + i64::from(destination)) % 7 == 0;
        let failing = 10 + destination * 4 + if bad_day { 200 } else { 0 };
        let stream = StreamId::delivery(delivery);
        let next = Next::Start;
        Self { tenant: tenant.clone(), stream, plan, sequence: 0, attempt: 0, failing, next }
    }

    fn tell(&mut self, at: i64, event: DeliveryEvent) -> RecordedEvent {
        self.sequence += 1;
        let at = Timestamp::from_unix_micros(at);
        told(&self.tenant, at, self.stream.clone(), self.sequence, event.into())
    }

    pub(crate) fn scheduled(&mut self, at: i64) -> RecordedEvent {
        self.tell(at, DeliveryEvent::DeliveryScheduled(self.plan.clone()))
    }

    /// Tells the next event; false when it was the last one.
    pub(crate) fn next(
        &mut self,
        at: i64,
        random: &mut SmallRng,
        events: &mut VecDeque<RecordedEvent>,
    ) -> bool {
        match self.next {
            Next::Start => {
                let event = match random.random_range(0..1_000) {
                    0..2 => return false,
                    2..6 => Some(DeliveryEvent::DeliverySuppressed {
                        reason: SuppressReason::Unsubscribed,
                    }),
                    6..8 => {
                        Some(DeliveryEvent::DeliveryCancelled { reason: CancelReason::Withdrawn })
                    }
                    8..9 => {
                        let deadline = self.plan.deadline;
                        Some(DeliveryEvent::DeliveryExpired { deadline })
                    }
                    _ => None,
                };
                if let Some(event) = event {
                    events.push_back(self.tell(at, event));
                    return false;
                }
                self.attempt += 1;
                self.next = Next::End;
                let (attempt, node) = (self.attempt, "n1".to_owned());
                let started = DeliveryEvent::AttemptStarted { attempt, node, address_revision: 1 };
                events.push_back(self.tell(at, started));
                true
            }
            Next::End => self.end(at, random, events),
            Next::Bounce => {
                let fault = fault(FailureClass::RecipientPermanent, "smtp.5.1.1");
                let evidence = Evidence::Bounced { fault };
                events.push_back(self.tell(at, DeliveryEvent::EvidenceRecorded { evidence }));
                false
            }
        }
    }

    fn end(
        &mut self,
        at: i64,
        random: &mut SmallRng,
        events: &mut VecDeque<RecordedEvent>,
    ) -> bool {
        let is_mail = self.plan.channel == ChannelKind::Mail;
        let draw = random.random_range(0..1_000);
        let outcome = if draw < self.failing {
            self.failed(random)
        } else if draw > 997 {
            let next = self.again();
            AttemptOutcome::InDoubt { code: "lease_ended".to_owned(), next }
        } else {
            let proof = if is_mail { Proof::Accepted } else { Proof::Delivered };
            let content_bytes = 2_000 + u64::from(random.random_range(0..4_000_u32));
            let content_sha256 = Sha256::of(self.stream.aggregate_id.as_bytes());
            let (status, reply) = (if is_mail { 250 } else { 200 }, None);
            let receipt = Receipt { proof, status, content_sha256, content_bytes, reply };
            AttemptOutcome::Succeeded { receipt }
        };
        let goes_on = match &outcome {
            AttemptOutcome::Succeeded { .. } if is_mail && random.random_range(0..200) == 0 => {
                self.next = Next::Bounce;
                true
            }
            AttemptOutcome::Succeeded { .. } => false,
            AttemptOutcome::Failed { next, .. } | AttemptOutcome::InDoubt { next, .. } => {
                self.next = Next::Start;
                matches!(next, NextStep::RetryAt { .. })
            }
        };
        let elapsed = 200 + u64::from(random.random_range(0..40_000_u32));
        let ended = DeliveryEvent::AttemptEnded {
            attempt: self.attempt,
            sent_at: Some(Timestamp::from_unix_micros(at)),
            elapsed_us: Some(elapsed),
            outcome,
        };
        events.push_back(self.tell(at + elapsed as i64, ended));
        goes_on
    }

    fn failed(&self, random: &mut SmallRng) -> AttemptOutcome {
        if random.random_range(0..10) == 0 {
            let reason = DeadLetterReason::NotRetryable;
            let fault = fault(FailureClass::RecipientPermanent, "smtp.5.1.1");
            return AttemptOutcome::Failed { fault, next: NextStep::DeadLettered { reason } };
        }
        let kinds = [
            (FailureClass::Transient, "http.503"),
            (FailureClass::Transient, "connect.refused"),
            (FailureClass::Throttled, "http.429"),
            (FailureClass::Auth, "http.401"),
        ];
        let (class, code) = kinds[skewed(random, 4) as usize];
        AttemptOutcome::Failed { fault: fault(class, code), next: self.again() }
    }

    fn again(&self) -> NextStep {
        if self.attempt < ATTEMPTS {
            return NextStep::RetryAt { at: self.plan.received_at.plus_ms(60_000) };
        }
        NextStep::DeadLettered { reason: DeadLetterReason::AttemptsExhausted }
    }
}

fn fault(class: FailureClass, code: &str) -> Fault {
    Fault { class, code: code.to_owned(), reply: None, retry_after_ms: None }
}
