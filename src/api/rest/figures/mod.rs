//! Figures over the versions received within a span: the gates, and sums that reconcile.

mod gates;
mod rollups;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(gates::get_gates)).routes(routes!(rollups::get_rollups))
}
