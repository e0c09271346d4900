//! Puts questions: gathers the tenant's exported files and what the log has beyond them, and lets DuckDB, in a process
//! of its own, answer. It knows neither what a question means nor how files come to be.
//!
//! A tenant's guard is what it is given to read: the files of that tenant and no others. Every answer says up to which
//! position of the log it is true.

#![warn(missing_docs)]

mod analyst;
mod config;
mod error;
mod program;
mod rest;

pub use analyst::{Analyst, Answer};
pub use config::AnalyticsConfig;
pub use error::AnalysisError;
