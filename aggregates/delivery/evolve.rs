//! How a delivery's events add up. Total: an event that no decision could have caused here is passed over.

use schema::Proof;
use schema::events::{AttemptOutcome, Evidence, NextStep};

use super::{Closed, Course, Delivery, Entry, Event, Outcome, Resent};

impl Delivery {
    pub(super) fn evolve(&mut self, event: &Event) {
        if let Self::Closed(closed) = self {
            return closed.evolve(event);
        }
        *self = match (event, std::mem::take(self)) {
            (Event::DeliveryScheduled(plan), Self::Unplanned) => {
                Self::Scheduled { plan: Box::new(plan.clone()) }
            }
            (_, Self::Unplanned) => Self::Unplanned,
            (Event::DeliveryScheduled(_), open) => open,
            (Event::AttemptStarted { attempt, .. }, open) => open.attempting(*attempt),
            (Event::AttemptEnded { attempt, outcome, .. }, open) => open.ended(*attempt, outcome),
            (Event::DoubtResolved { attempt, next, .. }, open) => open.resolved(*attempt, next),
            (Event::DeliveryCancelled { .. }, open) => open.close(Outcome::Cancelled),
            (Event::DeliveryExpired { .. }, open) => open.close(Outcome::Expired),
            (Event::DeliverySuppressed { .. }, open) => open.close(Outcome::Suppressed),
            (Event::EvidenceRecorded { evidence }, open) => open.learned(evidence),
            (Event::DeliveryRescheduled { planned }, Self::Scheduled { mut plan }) => {
                plan.planned.clone_from(planned);
                Self::Scheduled { plan }
            }
            (Event::EntryMarked { .. } | Event::DeliveryRescheduled { .. }, open) => open,
        };
    }

    fn attempting(self, attempt: u32) -> Self {
        self.with_course(|mut course| {
            course.attempts = attempt;
            Self::Attempting { course }
        })
    }

    fn ended(mut self, attempt: u32, outcome: &AttemptOutcome) -> Self {
        self.settle(attempt);
        match outcome {
            AttemptOutcome::Succeeded { receipt } => {
                let outcome = match receipt.proof {
                    Proof::Delivered => Outcome::Delivered,
                    Proof::Accepted => Outcome::Accepted,
                };
                self.close_settled(outcome, attempt)
            }
            AttemptOutcome::Failed { next: NextStep::DeadLettered { .. }, .. } => {
                self.close_settled(Outcome::DeadLettered, attempt)
            }
            AttemptOutcome::Failed { next, .. } => self.go_on(next, false),
            AttemptOutcome::InDoubt { next, .. } => self
                .with_course(|mut course| {
                    course.doubtful.push(attempt);
                    Self::Held { course }
                })
                .go_on(next, true),
        }
    }

    /// `next` is absent when the attempt was found to have arrived.
    fn resolved(mut self, attempt: u32, next: &Option<NextStep>) -> Self {
        self.settle(attempt);
        match next {
            None => self.close(Outcome::Accepted),
            Some(next) => self.go_on(next, false),
        }
    }

    fn go_on(self, next: &NextStep, in_doubt: bool) -> Self {
        match *next {
            NextStep::RetryAt { at } if in_doubt => {
                self.with_course(|course| Self::InDoubt { course, at })
            }
            NextStep::RetryAt { at } => self.with_course(|course| Self::Retrying { course, at }),
            NextStep::DeadLettered { .. } => self.close(Outcome::DeadLettered),
            NextStep::Held => self.with_course(|course| Self::Held { course }),
        }
    }

    fn learned(mut self, evidence: &Evidence) -> Self {
        match evidence {
            Evidence::LateSuccess { attempt, .. } | Evidence::LateFailure { attempt, .. } => {
                self.settle(*attempt);
            }
            Evidence::Bounced { .. }
            | Evidence::Resent { .. }
            | Evidence::Complained { .. }
            | Evidence::AutoReplied
            | Evidence::OnTimeAnswered { .. } => {}
        }
        self
    }

    /// Takes `attempt` out of those in doubt.
    fn settle(&mut self, attempt: u32) {
        match self {
            Self::Attempting { course }
            | Self::Retrying { course, .. }
            | Self::InDoubt { course, .. }
            | Self::Held { course } => course.doubtful.retain(|doubtful| *doubtful != attempt),
            Self::Unplanned | Self::Scheduled { .. } | Self::Closed(_) => {}
        }
    }

    fn with_course(self, next: impl FnOnce(Course) -> Self) -> Self {
        match self {
            Self::Scheduled { plan } => next(Course { plan, attempts: 0, doubtful: vec![] }),
            Self::Attempting { course }
            | Self::Retrying { course, .. }
            | Self::InDoubt { course, .. }
            | Self::Held { course } => next(course),
            Self::Unplanned | Self::Closed(_) => self,
        }
    }

    fn close(self, outcome: Outcome) -> Self {
        // An attempt under way is not settled by a close from elsewhere.
        let running = match &self {
            Self::Attempting { course } => Some(course.attempts),
            _ => None,
        };
        self.with_course(|course| {
            let mut unsettled = course.doubtful;
            unsettled.extend(running);
            let (plan, attempts) = (course.plan, course.attempts);
            Self::Closed(Closed {
                plan,
                outcome,
                attempts,
                unsettled,
                bounced: false,
                complained: false,
                auto_replied: false,
                answer: None,
                resent: None,
                entry: Entry::default(),
            })
        })
    }

    fn close_settled(self, outcome: Outcome, attempt: u32) -> Self {
        let mut closed = self.close(outcome);
        if let Self::Closed(closed) = &mut closed {
            closed.unsettled.retain(|unsettled| *unsettled != attempt);
        }
        closed
    }
}

impl Closed {
    fn evolve(&mut self, event: &Event) {
        if let Event::EntryMarked { mark } = event {
            return self.entry.evolve(*mark);
        }
        let Event::EvidenceRecorded { evidence } = event else { return };
        match evidence {
            Evidence::LateSuccess { attempt, .. } | Evidence::LateFailure { attempt, .. } => {
                self.unsettled.retain(|unsettled| unsettled != attempt);
            }
            Evidence::Bounced { .. } => self.bounced = true,
            Evidence::Complained { .. } => self.complained = true,
            Evidence::AutoReplied => self.auto_replied = true,
            Evidence::OnTimeAnswered { answer, .. } => self.answer = Some(*answer),
            Evidence::Resent { delivery, resend } => {
                self.resent = Some(Resent { delivery: *delivery, resend: *resend });
            }
        }
    }
}
