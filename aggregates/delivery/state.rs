use std::fmt;

use schema::events::{AttemptOutcome, DeliveryPlan, Evidence, NextStep};
use schema::{DeliveryId, Proof, Timestamp};
use serde::{Deserialize, Serialize};

use super::Event;

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The receiver confirmed it.
    Delivered,
    /// Handed over.
    Accepted,
    /// Given up.
    DeadLettered,
    /// Called off.
    Cancelled,
    /// Too late.
    Expired,
    /// Held back by a rule at the moment of sending.
    Suppressed,
}

impl Outcome {
    /// Its name in tables and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::DeadLettered => "dead_lettered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plan that was tried at least once and is still open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// What is to be sent.
    pub plan: Box<DeliveryPlan>,
    /// Attempts so far, one under way included.
    pub attempts: u32,
    /// Those of which nobody knows whether they arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<u32>,
}

/// The last repetition of a closed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// The delivery that repeats it.
    pub delivery: DeliveryId,
    /// Which repetition, from 1.
    pub resend: u32,
}

/// A delivery that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// What was to be sent.
    pub plan: Box<DeliveryPlan>,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts in all.
    pub attempts: u32,
    /// Those whose end is still unknown; it would be evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<u32>,
    /// Whether it came back after it was accepted.
    pub bounced: bool,
    /// The last repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
}

/// Where a delivery stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Never scheduled.
    #[default]
    Unplanned,
    /// Not yet tried.
    Scheduled {
        /// What is to be sent.
        plan: Box<DeliveryPlan>,
    },
    /// The last attempt is under way.
    Attempting {
        /// Plan and attempts.
        course: Course,
    },
    /// The last attempt failed, another follows.
    Retrying {
        /// Plan and attempts.
        course: Course,
        /// Not before.
        at: Timestamp,
    },
    /// The last attempt may have arrived; another follows, under the same idempotency key.
    InDoubt {
        /// Plan and attempts.
        course: Course,
        /// Not before.
        at: Timestamp,
    },
    /// The last attempt may have arrived; a person must say.
    Held {
        /// Plan and attempts.
        course: Course,
    },
    /// It ended.
    Closed(Closed),
}

impl Delivery {
    /// What is, or was, to be sent.
    #[must_use]
    pub const fn plan(&self) -> Option<&DeliveryPlan> {
        match self {
            Self::Unplanned => None,
            Self::Scheduled { plan } | Self::Closed(Closed { plan, .. }) => Some(plan),
            Self::Attempting { course }
            | Self::Retrying { course, .. }
            | Self::InDoubt { course, .. }
            | Self::Held { course } => Some(&course.plan),
        }
    }

    /// Plan and attempts, while it is open and was tried.
    #[must_use]
    pub const fn course(&self) -> Option<&Course> {
        match self {
            Self::Unplanned | Self::Scheduled { .. } | Self::Closed(_) => None,
            Self::Attempting { course }
            | Self::Retrying { course, .. }
            | Self::InDoubt { course, .. }
            | Self::Held { course } => Some(course),
        }
    }

    /// Attempts so far, one under way included.
    #[must_use]
    pub const fn attempt_count(&self) -> u32 {
        match (self, self.course()) {
            (_, Some(course)) => course.attempts,
            (Self::Closed(closed), None) => closed.attempts,
            (_, None) => 0,
        }
    }

    /// Whether it ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Closed(closed) => Some(closed.outcome),
            _ => None,
        }
    }

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
            Evidence::Bounced { .. } | Evidence::Resent { .. } => {}
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
                resent: None,
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
        let Event::EvidenceRecorded { evidence } = event else { return };
        match evidence {
            Evidence::LateSuccess { attempt, .. } | Evidence::LateFailure { attempt, .. } => {
                self.unsettled.retain(|unsettled| unsettled != attempt);
            }
            Evidence::Bounced { .. } => self.bounced = true,
            Evidence::Resent { delivery, resend } => {
                self.resent = Some(Resent { delivery: *delivery, resend: *resend });
            }
        }
    }
}
