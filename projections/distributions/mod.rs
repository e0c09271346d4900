//! Distributions: what came in, what was planned and what was not and why, whether it is reconciled. How their
//! deliveries stand is counted by the projection of deliveries.

pub mod queries;
pub mod rollups;
mod rows;
#[cfg(test)]
mod tests;
mod writes;

pub use queries::{DistributionFilter, DistributionSort, NotPlannedFilter};
pub use rows::{DistributionRow, NotPlannedRow, OutcomeRow, OutcomeSums};

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use schema::events::{DistributionEvent, NotPlanned, NotPlannedReason, ReportVersion, SliceSums};
use schema::{AggregateType, LedgerEvent, Position, RecordedEvent};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::entity::Draft;
use crate::{Projection, ProjectionError, Table};

/// The projection of distributions and of decisions against a delivery.
#[derive(Debug)]
pub struct Distributions;

#[async_trait]
impl Projection for Distributions {
    fn name(&self) -> &'static str {
        "distributions"
    }

    fn tables(&self) -> &'static [Table] {
        &[
            Table { name: "distributions", key: &["distribution"] },
            Table { name: "not_planned", key: &["distribution", "position", "ordinal"] },
        ]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Distribution]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let owners: BTreeSet<_> = events
            .iter()
            .map(|event| (event.metadata.tenant.as_str(), event.stream.aggregate_id.as_str()))
            .collect();
        let mut distributions = Draft::<DistributionRow>::load(conn, &owners).await?;
        let mut decisions = Vec::new();
        for event in events {
            if let LedgerEvent::Distribution(change) = &event.event {
                fold(&mut distributions, &mut decisions, event, change)?;
            }
        }
        distributions.store(conn).await?;
        writes::insert_not_planned(conn, &decisions).await
    }
}

fn fold(
    distributions: &mut Draft<DistributionRow>,
    decisions: &mut Vec<NotPlannedRow>,
    event: &RecordedEvent,
    change: &DistributionEvent,
) -> Result<(), ProjectionError> {
    let at = event.recorded_at.to_chrono();
    if let DistributionEvent::ReportReceived(version) = change {
        distributions.put(received(event, version)?);
        return Ok(());
    }
    let row = distributions
        .change(&event.stream.aggregate_id)
        .ok_or_else(|| ProjectionError::row_missing(event))?;
    row.last_position = event.position.0;
    match change {
        DistributionEvent::ReportReceived(_) => {}
        DistributionEvent::SlicePlanned {
            slice,
            through,
            read_at,
            sums,
            decisions: against,
            ..
        } => {
            add(row, sums);
            if through.is_none() {
                row.plan_complete_at = Some(at);
            }
            let slice = Slice { number: i64::from(*slice), read_at: *read_at };
            decisions.extend(
                against
                    .iter()
                    .enumerate()
                    .map(|(ordinal, decision)| not_planned(row, event, &slice, ordinal, decision)),
            );
        }
        DistributionEvent::VersionCorrected { by } => row.corrected_by = Some(by.to_string()),
        DistributionEvent::VersionWithdrawn { reason } => {
            row.withdrawn_at = Some(at);
            row.withdraw_reason = Some(reason.clone());
        }
        DistributionEvent::DistributionReconciled { .. } => row.reconciled_at = Some(at),
    }
    Ok(())
}

struct Slice {
    number: i64,
    read_at: Position,
}

fn received(
    event: &RecordedEvent,
    version: &ReportVersion,
) -> Result<DistributionRow, ProjectionError> {
    Ok(DistributionRow {
        distribution: event.stream.aggregate_id.parse::<schema::DistributionId>()?.as_uuid(),
        tenant: event.metadata.tenant.to_string(),
        report: version.report.to_string(),
        version: version.version.to_string(),
        digest: version.digest.to_string(),
        title: version.title.clone(),
        attributes: Json(version.attributes.clone()),
        artifacts: Json(version.artifacts.clone()),
        corrects: version.corrects.as_ref().map(ToString::to_string),
        received_at: version.received_at.to_chrono(),
        deadline: version.deadline.to_chrono(),
        slices: 0,
        considered: 0,
        planned: 0,
        not_planned: 0,
        not_planned_by: Json(BTreeMap::new()),
        plan_complete_at: None,
        corrected_by: None,
        withdrawn_at: None,
        withdraw_reason: None,
        reconciled_at: None,
        position: event.position.0,
        last_position: event.position.0,
    })
}

fn add(row: &mut DistributionRow, sums: &SliceSums) {
    row.slices += 1;
    row.considered += count(sums.considered);
    row.planned += count(sums.planned);
    for (reason, more) in &sums.not_planned {
        row.not_planned += count(*more);
        *row.not_planned_by.entry(NotPlannedReason::as_str(*reason).to_owned()).or_insert(0) +=
            count(*more);
    }
}

/// A count as the database holds it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn not_planned(
    row: &DistributionRow,
    event: &RecordedEvent,
    slice: &Slice,
    ordinal: usize,
    decision: &NotPlanned,
) -> NotPlannedRow {
    NotPlannedRow {
        tenant: row.tenant.clone(),
        distribution: row.distribution,
        position: event.position.0,
        ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
        report: row.report.clone(),
        version: row.version.clone(),
        recipient: decision.recipient.to_string(),
        subscription: decision.subscription.to_string(),
        subscription_version: i64::from(decision.subscription_version),
        reason: decision.reason.as_str().to_owned(),
        slice: slice.number,
        read_at: slice.read_at.0,
        decided_at: event.recorded_at.to_chrono(),
    }
}
