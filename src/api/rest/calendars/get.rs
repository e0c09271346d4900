use axum::Json;
use axum::extract::State;
use projections::tenants::queries;
use schema::CalendarName;

use super::body::CalendarView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One calendar
#[utoipa::path(
    get, path = "/v1/calendars/{calendar}", tag = "calendars",
    params(("calendar" = String, Path, description = "Name of the calendar"), AtLeastQuery),
    responses((status = 200, description = "The calendar", body = CalendarView))
)]
pub async fn get_calendar(
    State(api): State<ApiState>,
    Path(calendar): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<CalendarView>, ApiError> {
    let calendar = CalendarName::try_new(calendar)?;
    at_least.wait(&api, "tenants").await?;
    let rows = queries::calendars(&api.reads, caller.tenant.as_str()).await?;
    let row = rows.into_iter().find(|row| row.calendar == calendar.as_str());
    let row = row.ok_or_else(|| ApiError::not_found("calendar", calendar.as_str()))?;
    Ok(Json(row.into()))
}
