//! Addresses that nothing is sent to: brought in as a list, told as one, and lifted. An address that nobody has yet is
//! kept as a keyed hash, and counts from when somebody has it.

mod apply;
mod export;
mod import;
mod lift;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) use apply::suppress_if_listed;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(import::import_suppressions, export::export_suppressions))
        .routes(routes!(lift::lift_suppression))
}
