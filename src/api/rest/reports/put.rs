use aggregates::report::{Command, Report, Rules};
use axum::extract::State;
use schema::{ReportName, StreamId};

use super::ReportBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Register a report, or change what is said of it
///
/// The body replaces the whole profile. The same again changes nothing.
#[utoipa::path(
    put, path = "/v1/reports/{report}", tag = "reports",
    params(("report" = String, Path, description = "Name of the report")),
    request_body = ReportBody,
    responses(
        (status = 200, description = "Changed, or already so", body = Changed),
        (status = 201, description = "Registered", body = Changed),
    )
)]
pub async fn put_report(
    State(api): State<ApiState>,
    Path(report): Path<String>,
    change: Change,
    body: JsonBody<ReportBody>,
) -> Result<Done, ApiError> {
    let report = ReportName::try_new(report)?;
    let profile = schema::events::ReportProfile::from(body.value);
    let plan = Plan {
        location: Some(format!("/v1/reports/{report}")),
        ..Plan::of(StreamId::report(&change.caller.tenant, &report), &body.bytes)
    };
    let choose = |state: &Report| {
        Ok(match state {
            Report::Unknown => Command::Register(profile.clone()),
            Report::Active(_) | Report::Retired => Command::Change(profile.clone()),
        })
    };
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("report", report.as_str())).await
}
