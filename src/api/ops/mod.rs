//! What operators and their programs look at: is it alive, can it take reports, what has it counted.

mod healthz;
mod metrics;
mod readyz;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(healthz::healthz))
        .routes(routes!(readyz::readyz))
        .routes(routes!(metrics::metrics))
}

/// The same three without a key, for an address that only operators reach (`api.ops_bind`). On the API's own address
/// `/metrics` needs a key of the tenant `system`, because it counts across tenants.
pub fn ops_router(api: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(healthz::healthz))
        .route("/readyz", get(readyz::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(api)
}
