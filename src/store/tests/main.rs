//! Behaviour of the store on a real server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails aloud")]

extern crate waybill_store as store;

mod append;
mod check;
mod claim;
mod execute;
mod immutable;
mod lost;
mod nodes;
mod returning;
mod rotation;
mod support;
mod tail;
mod vault;
