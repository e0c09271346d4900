//! Commands and simple reads over HTTP: one folder per noun, one file per verb. Handlers read the request, hand it to
//! the room that decides, and tell what came of it; none of them holds a rule.

mod artifacts;
mod bulk;
mod calendars;
mod deliveries;
mod distributions;
mod events;
mod figures;
mod groups;
mod inbox;
mod keys;
mod listing;
mod mail;
mod on_time;
mod page;
mod pauses;
mod plain;
mod preferences;
mod recipients;
mod reports;
mod subscriptions;
mod suppressions;
mod unsubscribe;
mod words;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All of them.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(reports::routes())
        .merge(artifacts::routes())
        .merge(distributions::routes())
        .merge(events::routes())
        .merge(figures::routes())
        .merge(recipients::routes())
        .merge(groups::routes())
        .merge(subscriptions::routes())
        .merge(bulk::routes())
        .merge(deliveries::routes())
        .merge(inbox::routes())
        .merge(mail::routes())
        .merge(suppressions::routes())
        .merge(pauses::routes())
        .merge(calendars::routes())
        .merge(keys::routes())
        .merge(unsubscribe::routes())
        .merge(preferences::routes())
        .merge(on_time::routes())
}
