//! Reactors on a real server: what they do without being asked, and that a replay repeats nothing.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

extern crate waybill_reactors as reactors;

mod gone;
mod proof;
mod reconciliation;
mod support;
