//! How a webhook is sent to: payload, signatures, headers of its owner's own. Secrets and header values are kept in the
//! vault as one document for each state; an event says which one holds.

mod body;
mod certificate;
mod get;
mod put;
mod rotate;
mod setting;
mod test;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get::get_webhook, put::put_webhook))
        .routes(routes!(certificate::put_certificate, certificate::delete_certificate))
        .routes(routes!(rotate::rotate_webhook))
        .routes(routes!(test::test_webhook))
}
