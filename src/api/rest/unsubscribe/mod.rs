//! The link in every mail that ends its subscription (RFC 8058). Looking at it changes nothing: link scanners look.

mod ask;
mod end;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ask::ask_unsubscribe, end::unsubscribe_by_link))
}
