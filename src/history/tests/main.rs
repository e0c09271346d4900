//! The past as plain folds, plain order and plain SQL tell it, on a real server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]
#![expect(clippy::print_stdout, reason = "with --nocapture what was compared is seen")]

mod decided;
mod faults;
mod groups;
mod prefixes;
mod replayed;
mod sql;
mod standing;
mod story;
mod world;

use waybill_history as history;
