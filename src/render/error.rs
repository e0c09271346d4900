use std::io;

use artifacts::{ArtifactError, DeriveError};
use polars::prelude::PolarsError;
use schema::Invalid;

/// Why a frame is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It breaks a rule: the field says where in the file, the value what stands there.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Its bytes cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Artifact(error.into())
    }
}

impl From<DeriveError<Self>> for CheckError {
    fn from(error: DeriveError<Self>) -> Self {
        match error {
            DeriveError::Store(error) => Self::Artifact(error),
            DeriveError::Made(error) => error,
        }
    }
}

/// Why a frame was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It cannot be read any more as it was when it was taken.
    #[error("the frame cannot be read: {0}")]
    Frame(CheckError),
    /// The file would be larger than any may be.
    #[error("the rendered file has more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The store did not do its part.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The writer of the format refused.
    #[error("the frame cannot be written: {0}")]
    Unwritable(String),
}

impl RenderError {
    /// Whether the same may succeed later, with nothing changed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Artifact(error) | Self::Frame(CheckError::Artifact(error)) => {
                error.is_transient()
            }
            Self::Frame(CheckError::Invalid(_)) | Self::TooLarge { .. } | Self::Unwritable(_) => {
                false
            }
        }
    }

    /// A name for the kind of failure, from a fixed set: for events, metrics and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Frame(CheckError::Artifact(ArtifactError::DiskFull))
            | Self::Artifact(ArtifactError::DiskFull) => "render.disk_full",
            Self::Frame(CheckError::Artifact(error)) | Self::Artifact(error)
                if error.is_transient() =>
            {
                "render.disk"
            }
            Self::Frame(_) | Self::Artifact(_) => "render.frame_unreadable",
            Self::TooLarge { .. } => "render.too_large",
            Self::Unwritable(_) => "render.unwritable",
        }
    }
}

impl From<CheckError> for RenderError {
    fn from(error: CheckError) -> Self {
        Self::Frame(error)
    }
}

impl From<io::Error> for RenderError {
    fn from(error: io::Error) -> Self {
        Self::Artifact(error.into())
    }
}

impl From<PolarsError> for RenderError {
    fn from(error: PolarsError) -> Self {
        match error {
            PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()).into(),
            other => Self::Unwritable(other.to_string()),
        }
    }
}

impl From<DeriveError<Self>> for RenderError {
    fn from(error: DeriveError<Self>) -> Self {
        match error {
            DeriveError::Store(error) => Self::Artifact(error),
            DeriveError::Made(error) => error,
        }
    }
}
