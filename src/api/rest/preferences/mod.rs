//! A recipient's own page, behind a link that ends: what is sent to it, and by which subscription. Looking changes
//! nothing; what it changes there it is itself the actor of. The token in the path is the only proof, so no other site
//! can have a browser send it.

mod act;
mod begin;
mod form;
mod link;
mod look;
mod shown;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(look::look_at_preferences, act::change_preferences))
        .routes(routes!(link::link_to_preferences))
}
