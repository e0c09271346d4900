use std::io;

use schema::Sha256;

/// Why an artifact was not taken or not handed out.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Nothing was sent.
    #[error("artifact: 0 bytes, must have at least one")]
    Empty,
    /// It is larger than this installation takes.
    #[error("artifact: more than {limit_bytes} bytes, must have at most {limit_bytes}")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// The bytes are not those that were announced.
    #[error("artifact: its SHA-256 is {actual}, must be the announced {expected}")]
    DigestDiffers {
        /// What the sender announced.
        expected: Sha256,
        /// What came.
        actual: Sha256,
    },
    /// The sender stopped before the end; nothing was kept.
    #[error("the artifact broke off: {0}")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tenant has no such artifact.
    #[error("there is no artifact {sha256}")]
    NotFound {
        /// What was asked for.
        sha256: Sha256,
    },
    /// The bytes on disk are not those that were stored.
    #[error("artifact {sha256} is damaged on disk")]
    Damaged {
        /// What was asked for.
        sha256: Sha256,
    },
    /// The disk, or this program's share of it, is full; nothing was kept.
    #[error("the artifact disk is full")]
    DiskFull,
    /// The disk did not do what was asked.
    #[error("the artifact disk failed: {0}")]
    Disk(#[source] io::Error),
}

impl ArtifactError {
    /// Whether trying again later may work, with nothing changed by the sender.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::DiskFull | Self::Disk(_) => true,
            Self::Empty
            | Self::TooLarge { .. }
            | Self::DigestDiffers { .. }
            | Self::Interrupted(_)
            | Self::NotFound { .. }
            | Self::Damaged { .. } => false,
        }
    }
}

impl From<io::Error> for ArtifactError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull,
            _ => Self::Disk(error),
        }
    }
}
