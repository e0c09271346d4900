use std::fmt;

use schema::events::{DeliveryPlan, OnTimeAnswer};
use schema::{DeliveryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Entry;

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
    /// Whether it was complained of.
    #[serde(default)]
    pub complained: bool,
    /// Whether something answered it by itself.
    #[serde(default)]
    pub auto_replied: bool,
    /// What its recipient said last of whether it came on time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<OnTimeAnswer>,
    /// The last repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
    /// What the recipient did with it, where it is an entry of an inbox.
    #[serde(default, skip_serializing_if = "Entry::is_untouched")]
    pub entry: Entry,
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
}
