//! Data frames: a CSV or Parquet file that comes in is checked against what its report declares, and becomes CSV, XLSX
//! or Parquet, each once. Batch by batch: what is in memory does not grow with the rows.
//!
//! This crate does not know who gets a file, what a version or a delivery is, or that a ledger exists. The same frame
//! in the same format is the same bytes, whenever and wherever it is rendered.

#![warn(missing_docs)]

mod check;
mod error;
mod figures;
mod frames;
mod limits;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use check::{Facts, check};
pub use error::{CheckError, RenderError};
pub use frames::Frames;
pub use limits::{MAX_RECORD_BYTES, MAX_RENDERED_BYTES, MAX_ROWS};
pub use write::{RENDERER, render};
