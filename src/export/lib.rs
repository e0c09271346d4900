//! The log as Parquet files: a follower that cuts it into blocks and keeps a manifest of what lies where. It knows
//! where files go and which part of the log they hold; what stands in them is `analytics`' affair.
//!
//! A block is always the next so many events behind the last one, so the same log gives the same files under the same
//! names, whoever exports it and however often it was killed. The manifest's rows commit together with the checkpoint.

#![warn(missing_docs)]

mod config;
mod error;
mod exporter;
mod folding;
mod joining;
mod manifest;
mod verify;

pub use config::ExportConfig;
pub use error::ExportError;
pub use exporter::{EXPORTER, Exporter};
pub use folding::Folding;
pub use manifest::{Exported, ExportedFile, Manifest};
pub use verify::{FileFinding, Verification, mend, verify};
