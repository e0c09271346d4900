//! Subscriptions: who wants which report versions, and how.

mod body;
mod create;
mod get;
mod list;
mod opt;
mod pause;
mod preview;
mod previewed;
mod put;
mod resume;
mod timing;
mod unsubscribe;

pub(super) use body::SubscriptionBody;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_subscriptions, create::create_subscription))
        .routes(routes!(get::get_subscription, put::put_subscription))
        .routes(routes!(preview::preview_subscription))
        .routes(routes!(pause::pause_subscription))
        .routes(routes!(resume::resume_subscription))
        .routes(routes!(unsubscribe::end_subscription))
        .routes(routes!(opt::opt_out, opt::opt_in))
}
