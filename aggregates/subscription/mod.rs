//! A subscription: who wants what, and how. Knows neither reports nor addresses: whether it can be served is decided
//! when a version is planned.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use refusal::Refusal;
pub use schema::events::SubscriptionEvent as Event;
pub use state::{OptedOut, Subscription, Wish};

/// The rules of a subscription.
pub struct Rules;
