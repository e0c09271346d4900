//! Where reports come in. REST and Kafka end in one command here; a version that was taken is planned, slice by slice,
//! and what may be sent at once is handed over right behind its commit.
//!
//! This crate does not know how anything is sent, what HTTP is, or what anybody reads of it later.

#![warn(missing_docs)]

mod clock;
mod config;
mod error;
mod figures;
mod intake;
mod json;
pub mod kafka;
mod permits;
mod planning;
mod receive;
#[cfg(test)]
mod tests;
mod trace;
mod withdraw;

pub use config::{IntakeConfig, KafkaConfig, TopicConfig};
pub use error::ReceiveError;
pub use intake::{Intake, Neighbours, Routing};
pub use json::strict_json;
pub use permits::{NoPermits, PermitGuard, SendPermits, Started};
pub use receive::{MAX_ARTIFACTS, ReceiveReport, Received};
pub use trace::checked_traceparent;
pub use withdraw::{WithdrawVersion, Withdrawn};
