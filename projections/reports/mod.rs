//! Kinds of reports, as they stand.

pub mod queries;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use async_trait::async_trait;
use schema::events::{ReportEvent, ReportProfile};
use schema::{AggregateType, ColumnSpec, LedgerEvent, RecordedEvent};
use sqlx::PgConnection;
use sqlx::types::Json;

use self::queries::ReportRow;
use crate::entity::Draft;
use crate::{Projection, ProjectionError, Table};

/// The projection of reports.
#[derive(Debug)]
pub struct Reports;

#[async_trait]
impl Projection for Reports {
    fn name(&self) -> &'static str {
        "reports"
    }

    fn tables(&self) -> &'static [Table] {
        &[Table { name: "reports", key: &["tenant", "report"] }]
    }

    fn follows(&self) -> &'static [AggregateType] {
        &[AggregateType::Report]
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), ProjectionError> {
        let owners: BTreeSet<_> = events.iter().map(|event| owner(event)).collect();
        let mut reports = Draft::<ReportRow>::load(conn, &owners).await?;
        for event in events {
            if let LedgerEvent::Report(change) = &event.event {
                fold(&mut reports, event, change)?;
            }
        }
        reports.store(conn).await
    }
}

fn owner(event: &RecordedEvent) -> (&str, &str) {
    (event.metadata.tenant.as_str(), event.stream.local_id())
}

fn fold(
    reports: &mut Draft<ReportRow>,
    event: &RecordedEvent,
    change: &ReportEvent,
) -> Result<(), ProjectionError> {
    if let ReportEvent::ReportRegistered(profile) = change {
        reports.put(registered(event, profile));
        return Ok(());
    }
    let row = reports
        .change(&event.stream.aggregate_id)
        .ok_or_else(|| ProjectionError::row_missing(event))?;
    row.sequence = event.sequence;
    match change {
        ReportEvent::ReportRegistered(_) => {}
        ReportEvent::ReportChanged(profile) => {
            profile.title.clone_into(&mut row.title);
            profile.owner.clone_into(&mut row.owner);
            row.deadline_s = i64::from(profile.deadline_s);
            row.columns = declared(profile);
            row.self_service = Some(profile.self_service);
            row.changed_at = event.recorded_at.to_chrono();
        }
        ReportEvent::ReportRetired { reason } => {
            row.retired_at = Some(event.recorded_at.to_chrono());
            row.retire_reason = Some(reason.clone());
        }
    }
    Ok(())
}

/// A report registered again after it was retired begins anew, at its first place in the list.
fn registered(event: &RecordedEvent, profile: &ReportProfile) -> ReportRow {
    let (tenant, report) = owner(event);
    ReportRow {
        tenant: tenant.to_owned(),
        report: report.to_owned(),
        title: profile.title.clone(),
        owner: profile.owner.clone(),
        deadline_s: i64::from(profile.deadline_s),
        registered_at: event.recorded_at.to_chrono(),
        changed_at: event.recorded_at.to_chrono(),
        retired_at: None,
        retire_reason: None,
        position: event.position.0,
        sequence: event.sequence,
        columns: declared(profile),
        self_service: Some(profile.self_service),
    }
}

fn declared(profile: &ReportProfile) -> Option<Json<Vec<ColumnSpec>>> {
    (!profile.columns.is_empty()).then(|| Json(profile.columns.clone()))
}
