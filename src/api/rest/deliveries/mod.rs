//! Deliveries: how they stand, and what a person may do about one. Timelines with evidence are told by GraphQL.

mod body;
mod cancel;
mod get;
mod list;
pub(super) mod order;
mod resend;
mod resolve;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_deliveries))
        .routes(routes!(get::get_delivery))
        .routes(routes!(cancel::cancel_delivery))
        .routes(routes!(resend::resend_delivery))
        .routes(routes!(resolve::resolve_delivery))
}
