use axum::extract::State;
use projections::reports::queries;
use schema::ReportName;

use super::ReportView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One report
#[utoipa::path(
    get, path = "/v1/reports/{report}", tag = "reports",
    params(("report" = String, Path, description = "Name of the report"), AtLeastQuery),
    responses((status = 200, description = "The report", body = ReportView))
)]
pub async fn get_report(
    State(api): State<ApiState>,
    Path(report): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<ReportView>, ApiError> {
    let report = ReportName::try_new(report)?;
    at_least.wait(&api, "reports").await?;
    let names = [report.to_string()];
    let rows = queries::by_ids(&api.reads, caller.tenant.as_str(), &names).await?;
    let row = rows.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("report", report.as_str()))?;
    Ok(Tagged { sequence: row.sequence, value: row.into() })
}
