//! A kind of report: its name for people, its owner, its patience. Knows none of its versions.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use refusal::Refusal;
pub use schema::events::ReportEvent as Event;
pub use state::Report;

/// The rules of a report.
pub struct Rules;
