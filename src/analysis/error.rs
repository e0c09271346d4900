use std::path::PathBuf;

use export::ExportError;
use store::StoreError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The statement may not be asked, or is no SQL.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// It was asked well, and could not be answered.
    #[error("the question could not be answered: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
    /// It took longer than `analytics.timeout_ms`.
    #[error("the question took longer than analytics.timeout_ms ({timeout_ms}) and was ended")]
    TooSlow {
        /// How long it had.
        timeout_ms: u64,
    },
    /// DuckDB is not there.
    #[error(
        "analytics are off: {} does not run: {reason}. Everything else does; put waybill-duckdb and libduckdb.so in \
         their places, or set analytics.program",
        program.display()
    )]
    NoProgram {
        /// The program.
        program: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// So much of the log is not exported that a question would read it all.
    #[error(
        "{events} events are not exported and analytics.unexported_events is {limit}: set export.enabled, or wait \
         until the exporter has caught up"
    )]
    NotExported {
        /// How many, at least.
        events: u64,
        /// How many may be.
        limit: u64,
    },
    /// The export could not be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The ledger is away.
    #[error("the ledger: {0}")]
    Ledger(#[from] StoreError),
}
