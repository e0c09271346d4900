//! One report version to one recipient on one channel, from plan to close. Knows no clock, no chance and no channel:
//! times, draws and answers come in.
//!
//! Closed exactly once; after that only evidence is taken. An attempt that may have arrived (in doubt) is tried again
//! under the same idempotency key while the schedule allows, then held for a person; it is neither given up nor expired
//! by a rule, only called off by someone. While an attempt is under way the delivery can be cancelled, expired or
//! suppressed only by that attempt's own sender, who knows that nothing has left.
//!
//! What came to an inbox can be marked by its recipient: read, acknowledged, snoozed.

mod command;
mod decide;
mod doubt;
mod ending;
mod evolve;
mod mark;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod to_do;

pub use command::{AttemptEnd, AttemptResult, Command};
pub use mark::{Entry, MAX_SNOOZE_DAYS};
pub use refusal::Refusal;
pub use schema::events::DeliveryEvent as Event;
pub use state::{Closed, Course, Delivery, Outcome, Resent};
pub use to_do::{Due, Lane, ToDo};

/// The rules of a delivery.
pub struct Rules;

/// The code of an attempt whose sender was never heard of again.
pub const LEASE_ENDED: &str = "lease_ended";
/// The code of an attempt that may have been made and recorded in a part of the log that was lost.
pub const LOG_LOST: &str = "log_lost";
/// The code of what is held because its deadline came while it was in doubt.
pub const DEADLINE_PASSED: &str = "deadline_passed";
