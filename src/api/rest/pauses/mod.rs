//! What operators hold back: all sends of a tenant, a channel, or a destination.

mod body;
mod list;
mod pause;
mod resume;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_pauses, pause::pause_dispatch))
        .routes(routes!(resume::resume_dispatch))
}
