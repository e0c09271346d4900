use aggregates::report::{Command, Report, Rules};
use axum::extract::State;
use schema::{ReportName, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Retire a report
///
/// No further versions are taken, for good. What is already published is delivered.
#[utoipa::path(
    delete, path = "/v1/reports/{report}", tag = "reports",
    params(("report" = String, Path, description = "Name of the report"), Reason),
    responses((status = 200, description = "Retired, or already so", body = Changed))
)]
pub async fn retire_report(
    State(api): State<ApiState>,
    Path(report): Path<String>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let report = ReportName::try_new(report)?;
    let plan = Plan::of(StreamId::report(&change.caller.tenant, &report), &[]);
    let choose = |_: &Report| Ok(Command::Retire { reason: reason.text().to_owned() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("report", report.as_str())).await
}
