//! A group: recipients under one name, and other groups whose members count as its own. Knows no recipient and no other
//! group: what they are to each other comes in the command.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, Nesting};
pub use refusal::Refusal;
pub use schema::events::GroupEvent as Event;
pub use state::{Group, Members};

/// The rules of a group.
pub struct Rules;

/// So many recipients may be in a group themselves.
pub const MAX_RECIPIENTS: usize = 100_000;
/// So many groups may be in a group themselves.
pub const MAX_GROUPS: usize = 1_000;
/// Groups may lie in each other so deep: this many from the outermost to the innermost.
pub const MAX_DEPTH: usize = 8;
