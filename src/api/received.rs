//! Versions as they were received, from the log: read models leave out what only a few ask for.

use std::collections::HashMap;

use schema::events::{DistributionEvent, ReportVersion};
use schema::{AggregateType, DistributionId, LedgerEvent};
use uuid::Uuid;

use crate::error::ApiError;
use crate::state::ApiState;

/// The versions of these distributions of one tenant, read at once.
pub async fn versions(
    api: &ApiState,
    distributions: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, ReportVersion>, ApiError> {
    let mut ids: Vec<String> =
        distributions.map(|id| DistributionId::from_uuid(id).to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    let events = api.ledger.load_beginnings(AggregateType::Distribution, &ids).await?;
    let mut versions = HashMap::with_capacity(events.len());
    for event in events {
        let LedgerEvent::Distribution(DistributionEvent::ReportReceived(version)) = event.event
        else {
            continue;
        };
        let id: DistributionId = event.stream.aggregate_id.parse()?;
        versions.insert(id.as_uuid(), version);
    }
    Ok(versions)
}
