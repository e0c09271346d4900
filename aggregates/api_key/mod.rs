//! An API key: issued once, revoked once. Knows no secret, only its hash.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use refusal::Refusal;
pub use schema::events::ApiKeyEvent as Event;
pub use state::{ApiKey, IssuedKey};

/// The rules of an API key.
pub struct Rules;
