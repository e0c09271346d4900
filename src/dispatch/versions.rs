use std::sync::Arc;

use schema::events::{DistributionEvent, ReportVersion};
use schema::{DistributionId, LedgerEvent, RecordedEvent, StreamId, Timestamp};
use store::{Ledger, StoreError};

use crate::cache::Cache;

/// What every delivery of a distribution shares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    /// What was received.
    pub(crate) report: ReportVersion,
    /// When the ledger took it.
    pub(crate) recorded_at: Timestamp,
}

/// Why the facts of a distribution are not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    /// The ledger did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A delivery names a distribution that the ledger does not have.
    #[error("distribution {0} was never received")]
    Unknown(DistributionId),
}

/// Facts of distributions, kept in memory while they are used.
#[derive(Debug)]
pub(crate) struct Versions {
    kept: Cache<DistributionId, Arc<Version>>,
}

impl Versions {
    pub(crate) fn new(limit: u32) -> Self {
        Self { kept: Cache::new(limit.into()) }
    }

    /// The facts, read from the ledger if need be.
    pub(crate) async fn get(
        &self,
        ledger: &Ledger,
        distribution: DistributionId,
    ) -> Result<Arc<Version>, VersionError> {
        let load = || async {
            let events = ledger.load_stream(&StreamId::distribution(distribution), 0).await?;
            let version =
                events.iter().find_map(received).ok_or(VersionError::Unknown(distribution))?;
            Ok(Arc::new(version))
        };
        self.kept.get(&distribution, 1, load).await
    }

    /// Learns from what was appended here, so that the first sends of a version need no look at the ledger.
    pub(crate) fn observe(&self, recorded: &RecordedEvent) {
        let Some(version) = received(recorded) else { return };
        if let Ok(distribution) = recorded.stream.aggregate_id.parse() {
            self.kept.put(&distribution, 1, Arc::new(version));
        }
    }
}

fn received(recorded: &RecordedEvent) -> Option<Version> {
    let LedgerEvent::Distribution(DistributionEvent::ReportReceived(report)) = &recorded.event
    else {
        return None;
    };
    Some(Version { report: report.clone(), recorded_at: recorded.recorded_at })
}
