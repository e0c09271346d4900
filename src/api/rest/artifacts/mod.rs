//! Files of report versions: uploaded before they are published, handed out to whoever may read.

mod get;
mod upload;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(upload::upload_artifact)).routes(routes!(get::get_artifact))
}
