//! A tenant's calendars: which days are business days. Subscriptions name them in their timing.

mod body;
mod delete;
mod get;
mod list;
mod put;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list_calendars)).routes(routes!(
        get::get_calendar,
        put::put_calendar,
        delete::remove_calendar
    ))
}
