//! The log itself, for whoever could not read it from the mirror: the same envelope, the same bytes.

mod envelope;
mod stream;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(stream::stream_events))
}
