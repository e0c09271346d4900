//! What operators and their programs look at: is it alive, can it take reports, what has it counted.

mod healthz;
mod metrics;
mod readyz;

pub(crate) use readyz::Latest;
pub use readyz::is_ready;

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

/// The same three without a key and whole, for an address that only operators reach (`api.ops_bind`). On the API's own
/// address `/metrics`, which counts across tenants, and what `/readyz` knows in detail need a key of the tenant
/// `system`.
pub fn ops_router(api: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(healthz::healthz))
        .route("/readyz", get(readyz::readyz_whole))
        .route("/metrics", get(metrics::metrics))
        .with_state(api)
}
