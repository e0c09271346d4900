//! The past as plain folds and plain order tell it, on a real server.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod standing;
mod world;

use waybill_history as history;
