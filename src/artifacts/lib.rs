//! Where the files of report versions are kept: by tenant and SHA-256, on disk, verified whenever they are read.
//!
//! This crate does not know what a report is, who may have one, or that a ledger exists. An artifact is found by its
//! tenant **and** its digest: knowing the digest of another tenant's file gives nothing.

#![warn(missing_docs)]

mod config;
mod derive;
mod draft;
mod error;
mod layout;
mod read;
mod store;
#[cfg(test)]
mod tests;

pub use config::ArtifactsConfig;
pub use derive::{DeriveError, Workbench};
pub use error::ArtifactError;
pub use read::ArtifactReader;
pub use store::{ArtifactStore, Stored};
