//! Followers on a real server: what they apply, when they stop, who runs them, and that a rebuild is the same.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap fails the test")]

extern crate waybill_followers as followers;

mod lease;
mod mirror;
mod poison;
mod rebuild;
mod rebuild_interrupted;
mod rebuild_switch;
mod support;
mod together;
