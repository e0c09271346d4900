//! What is remembered for reading: log in, rows out. Each read model can be dropped and folded again, byte for byte.
//!
//! This crate knows no clock, no ledger and no rule. What it writes names its tables without a schema, so that the same
//! fold fills `read` in daily life and `read_rebuild` in a rebuild; what it reads for others names `read`.

#![warn(missing_docs)]

mod copy;
mod entity;
mod page;
mod projection;

pub mod deliveries;
pub mod distributions;
pub mod groups;
pub mod inbox;
pub mod recipients;
pub mod reports;
pub mod subscriptions;
pub mod tenants;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use page::{Cursor, Edge, Order, Page, PageRequest};
pub use projection::{ALL, Projection, ProjectionError, Table};
