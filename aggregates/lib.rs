//! What may happen. Pure decisions over recorded facts.
//!
//! This crate does not know that time, chance, databases or networks exist: whatever a decision needs from
//! them arrives inside its command.

#![warn(missing_docs)]

pub mod decider;
pub mod form;
pub mod retry;

pub mod api_key;
pub mod delivery;
pub mod distribution;
pub mod group;
pub mod recipient;
pub mod report;
pub mod subscription;
pub mod tenant;

pub mod planning;
pub mod routing;
pub mod timing;

#[cfg(test)]
mod given;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;

pub use decider::{Decided, Decider, Fact, fold, run};
