use schema::Timestamp;
use schema::events::DeliveryPlan;
use serde::{Deserialize, Serialize};

use super::Delivery;

/// In which line a delivery waits. A sick destination's retries never stand before anyone's first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Lane {
    /// First tries.
    First = 0,
    /// Retries.
    Retry = 1,
    /// Waiting for a person.
    Held = 2,
}

impl Lane {
    /// Its number in the queue.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }
}

/// When there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Not before this time.
    At(Timestamp),
    /// An attempt is under way: when its sender's lease ends, which the database's clock decides.
    Leased,
}

/// A delivery's line in the write side's to-do list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDo {
    /// In which line.
    pub lane: Lane,
    /// When.
    pub due: Due,
}

impl Delivery {
    /// What is still to be done about it; nothing, exactly when it is closed or was never scheduled. A wait never
    /// reaches past the deadline, so that expiry is noticed.
    #[must_use]
    pub fn to_do(&self) -> Option<ToDo> {
        let until = |plan: &DeliveryPlan, at: Timestamp| Due::At(at.min(plan.deadline));
        let (lane, due) = match self {
            Self::Unplanned | Self::Closed(_) => return None,
            Self::Scheduled { plan } => {
                let planned = plan.planned.as_ref().map(|planned| planned.due);
                (Lane::First, until(plan, planned.unwrap_or(plan.received_at)))
            }
            Self::Attempting { course } if course.attempts <= 1 => (Lane::First, Due::Leased),
            Self::Attempting { .. } => (Lane::Retry, Due::Leased),
            Self::Retrying { course, at } | Self::InDoubt { course, at } => {
                (Lane::Retry, until(&course.plan, *at))
            }
            Self::Held { course } => (Lane::Held, Due::At(course.plan.deadline)),
        };
        Some(ToDo { lane, due })
    }
}
