use analytics::FileError;
use schema::Position;
use store::StoreError;

/// Why the log could not be exported, or what was exported not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file could not be written or read: the disk is full, the folder is gone, the file is damaged.
    #[error("{0}")]
    File(#[from] FileError),
    /// The ledger is away.
    #[error("the ledger: {0}")]
    Ledger(#[from] StoreError),
    /// The database is away, or refused.
    #[error("the manifest: {0}")]
    Manifest(#[from] sqlx::Error),
    /// Stored words that this program did not write.
    #[error("the manifest: {0}")]
    Invalid(#[from] schema::Invalid),
    /// Files that the manifest names are not there, or not of the size it says.
    #[error(
        "{count} file(s) of the manifest are missing or of another size, the first is {first}: `waybill export \
         verify` names them, `waybill export mend` writes them anew from the log"
    )]
    FilesMissing {
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
    /// An event's metadata does not say whose it is.
    #[error("the metadata of event {position} cannot be read: {source}")]
    Metadata {
        /// The event.
        position: Position,
        /// Why.
        source: serde_json::Error,
    },
    /// A thread was called off.
    #[error("called off: the process is ending")]
    CalledOff,
}
