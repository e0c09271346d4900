//! Questions on a real server and a real DuckDB, compared with plain SQL over the events; and questions nobody may ask.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]
#![expect(
    clippy::print_stdout,
    reason = "with --nocapture both sides of what is compared are seen"
)]

extern crate waybill_analysis as analysis;

mod own_sql;
mod support;
mod views;
