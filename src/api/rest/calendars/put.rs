use aggregates::tenant::{Command, Rules, Tenant};
use axum::extract::State;
use schema::{CalendarName, StreamId};

use super::body::CalendarBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Say which days are business days
///
/// What waits for its time by this calendar is planned anew.
#[utoipa::path(
    put, path = "/v1/calendars/{calendar}", tag = "calendars",
    params(("calendar" = String, Path, description = "Name of the calendar")),
    request_body = CalendarBody,
    responses((status = 200, description = "Defined, or already so", body = Changed))
)]
pub async fn put_calendar(
    State(api): State<ApiState>,
    Path(calendar): Path<String>,
    change: Change,
    body: JsonBody<CalendarBody>,
) -> Result<Done, ApiError> {
    let calendar = CalendarName::try_new(calendar)?;
    let days = body.value.read()?;
    let plan = Plan::of(StreamId::tenant(&change.caller.tenant), &body.bytes);
    let choose =
        |_: &Tenant| Ok(Command::DefineCalendar { calendar: calendar.clone(), days: days.clone() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("calendar", calendar.as_str())).await
}
