//! API keys. A secret is shown once and kept nowhere; a key grants at most what its maker may do.

mod body;
mod get;
mod issue;
mod list;
mod revoke;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_keys, issue::issue_key))
        .routes(routes!(get::get_key, revoke::revoke_key))
}
