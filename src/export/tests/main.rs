//! The exporter on a real server: killed, started again, its files lost and damaged.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

extern crate waybill_export as export;

mod blocks;
mod files;
mod support;
