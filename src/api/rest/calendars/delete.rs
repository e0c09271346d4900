use std::sync::PoisonError;

use aggregates::tenant::{Command, Rules, Tenant};
use axum::extract::State;
use schema::{CalendarName, Invalid, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Do without a calendar
///
/// Not while a subscription goes by it.
#[utoipa::path(
    delete, path = "/v1/calendars/{calendar}", tag = "calendars",
    params(("calendar" = String, Path, description = "Name of the calendar")),
    responses((status = 200, description = "Removed", body = Changed))
)]
pub async fn remove_calendar(
    State(api): State<ApiState>,
    Path(calendar): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    let calendar = CalendarName::try_new(calendar)?;
    let tenant = &change.caller.tenant;
    {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(subscription) = index.goes_by(tenant, &calendar) {
            let rule = format!("is what subscription {subscription} goes by: change that first");
            return Err(Invalid::new("calendar", calendar.as_str(), rule).into());
        }
    }
    let plan = Plan::of(StreamId::tenant(tenant), &[]);
    let choose = |state: &Tenant| match state.calendars() {
        Some(known) if known.contains_key(&calendar) => {
            Ok(Command::RemoveCalendar { calendar: calendar.clone() })
        }
        _ => Err(ApiError::not_found("calendar", calendar.as_str())),
    };
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("calendar", calendar.as_str())).await
}
