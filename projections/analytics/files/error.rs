use std::path::{Path, PathBuf};

/// Why a Parquet file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk is full, the folder is gone, or the like.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not the Parquet file it should be.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FileError {
    pub(super) fn disk(path: &Path, source: std::io::Error) -> Self {
        Self::Disk { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, reason: &dyn ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
