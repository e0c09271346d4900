//! The past as plain folds, plain order and plain SQL tell it, on a real server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod decided;
mod faults;
mod prefixes;
mod replayed;
mod sql;
mod standing;
mod story;
mod world;

use waybill_history as history;
