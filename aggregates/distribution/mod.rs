//! One report version and the run that plans it. Knows how many deliveries there are and how they ended, but none of
//! them.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, Slice};
pub use refusal::Refusal;
pub use schema::events::DistributionEvent as Event;
pub use state::{Distribution, Planning, Run};

/// The rules of a distribution.
pub struct Rules;

/// So many files may a version have.
pub const MAX_ARTIFACTS: usize = 32;
/// Longest file name, in bytes.
pub const MAX_FILE_NAME_BYTES: usize = 255;
