use aggregates::delivery;
use aggregates::distribution::Refusal;
use artifacts::ArtifactError;
use schema::{Invalid, ReportName, Sha256, VersionName};
use store::{AppendError, Stale, StoreError};

/// Why a report version was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The version is not in the state that the command is meant for.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The tenant has no such report.
    #[error("report: {report} is not registered; register it first")]
    UnknownReport {
        /// As it was given.
        report: ReportName,
    },
    /// No further versions of the report are taken.
    #[error("report: {report} was retired; no further versions are taken")]
    RetiredReport {
        /// As it was given.
        report: ReportName,
    },
    /// The report has no such version.
    #[error("{field}: version {version} of {report} was never received")]
    UnknownVersion {
        /// As the caller spells it: `corrects` or `version`.
        field: &'static str,
        /// Which report.
        report: ReportName,
        /// As it was given.
        version: VersionName,
    },
    /// A file is named whose bytes the tenant never uploaded.
    #[error("{field}: no artifact with SHA-256 {sha256} was uploaded before")]
    ArtifactMissing {
        /// Which of the artifacts.
        field: String,
        /// What it is said to be.
        sha256: Sha256,
    },
    /// A file is said to have another size than it has.
    #[error("{field}: the artifact has {actual} bytes, not {given}")]
    ArtifactSizeDiffers {
        /// Which of the artifacts.
        field: String,
        /// As it was given.
        given: u64,
        /// As it is.
        actual: u64,
    },
    /// The distribution's rules say no.
    #[error(transparent)]
    Refused(Refusal),
    /// What was planned breaks a rule of deliveries.
    #[error("a delivery cannot be planned: {0}")]
    Unplannable(#[from] delivery::Refusal),
    /// A delivery's state cannot be written down.
    #[error("a delivery cannot be queued: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// Planning broke off: a defect of this program.
    #[error("planning broke off: {0}")]
    Broken(String),
    /// The command id was used before; the command log has its outcome.
    #[error("command {id} was already carried out")]
    CommandSeen {
        /// The id.
        id: String,
    },
    /// The stream moved on faster than it could be read, again and again.
    #[error("version {version} is changed by too many at once")]
    Contended {
        /// Which.
        version: VersionName,
    },
    /// The artifact store did not do its part.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The ledger did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<Refusal> for ReceiveError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(invalid) => Self::Invalid(invalid),
            refusal => Self::Refused(refusal),
        }
    }
}

impl From<StoreError> for ReceiveError {
    fn from(error: StoreError) -> Self {
        Self::Append(error.into())
    }
}

impl ReceiveError {
    /// A name for the kind of error, from a fixed set: for metrics and for programs.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Stale(_) => "stale",
            Self::UnknownReport { .. } => "unknown_report",
            Self::RetiredReport { .. } => "retired_report",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::ArtifactMissing { .. } => "artifact_missing",
            Self::ArtifactSizeDiffers { .. } => "artifact_size_differs",
            Self::Refused(Refusal::DigestDiffers { .. }) => "digest_differs",
            Self::Refused(_) => "refused",
            Self::Unplannable(_) | Self::Unwritable(_) => "unplannable",
            Self::Broken(_) => "broken",
            Self::CommandSeen { .. } => "command_seen",
            Self::Contended { .. } => "contended",
            Self::Artifact(error) if error.is_transient() => "artifact_disk",
            Self::Artifact(_) => "artifact_refused",
            Self::Append(AppendError::Store(StoreError::Unavailable(_) | StoreError::Closed)) => {
                "unavailable"
            }
            Self::Append(_) => "not_stored",
        }
    }

    /// Which part of what was given is at fault.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => Some(&invalid.field),
            Self::UnknownReport { .. } | Self::RetiredReport { .. } => Some("report"),
            Self::UnknownVersion { field, .. } => Some(field),
            Self::ArtifactMissing { field, .. } | Self::ArtifactSizeDiffers { field, .. } => {
                Some(field)
            }
            Self::Refused(Refusal::DigestDiffers { .. }) => Some("version"),
            Self::Refused(Refusal::CorrectsItself { .. } | Refusal::AlreadyCorrected { .. }) => {
                Some("corrects")
            }
            Self::Artifact(error) if !error.is_transient() => Some("artifacts"),
            Self::Stale(_)
            | Self::Refused(_)
            | Self::Unplannable(_)
            | Self::Unwritable(_)
            | Self::Broken(_)
            | Self::Artifact(_)
            | Self::CommandSeen { .. }
            | Self::Contended { .. }
            | Self::Append(_) => None,
        }
    }

    /// Whether the same may be taken later, with nothing changed by the sender.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Contended { .. } => true,
            Self::Artifact(error) => error.is_transient(),
            Self::Append(AppendError::Store(error)) => match error {
                StoreError::Codec(_) | StoreError::Invalid(_) => false,
                StoreError::Unavailable(_)
                | StoreError::Database(_)
                | StoreError::Migration(_)
                | StoreError::RoleMissing { .. }
                | StoreError::Standby
                | StoreError::File { .. }
                | StoreError::Closed => true,
            },
            Self::Append(AppendError::Conflict { .. }) => true,
            Self::Append(
                AppendError::CommandSeen { .. }
                | AppendError::Rejected(_)
                | AppendError::TooLarge { .. },
            )
            | Self::Invalid(_)
            | Self::Stale(_)
            | Self::UnknownReport { .. }
            | Self::RetiredReport { .. }
            | Self::UnknownVersion { .. }
            | Self::ArtifactMissing { .. }
            | Self::ArtifactSizeDiffers { .. }
            | Self::Refused(_)
            | Self::Unplannable(_)
            | Self::Unwritable(_)
            | Self::Broken(_)
            | Self::CommandSeen { .. } => false,
        }
    }
}
