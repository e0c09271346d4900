//! Distributions: how the delivery of a report version stands, and what failed of it sent again, who was served.

mod get;
mod resend;
mod served;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get::get_distribution))
        .routes(routes!(resend::resend_failed))
        .routes(routes!(served::list_served))
}
