use axum::Json;
use axum::extract::State;
use projections::tenants::queries;

use super::body::CalendarView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::position::{AtLeast, AtLeastQuery};
use crate::rest::listing::Listing;
use crate::state::ApiState;

/// All calendars
///
/// `weekdays`, Monday to Friday, is there without being defined.
#[utoipa::path(
    get, path = "/v1/calendars", tag = "calendars", params(AtLeastQuery),
    responses((status = 200, description = "By name, 100 at most", body = Listing<CalendarView>))
)]
pub async fn list_calendars(
    State(api): State<ApiState>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<CalendarView>>, ApiError> {
    at_least.wait(&api, "tenants").await?;
    let rows = queries::calendars(&api.reads, caller.tenant.as_str()).await?;
    Ok(Json(Listing { rows: rows.into_iter().map(CalendarView::from).collect(), next: None }))
}
