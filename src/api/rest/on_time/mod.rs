//! The links in a mail by which its recipient says whether it came on time. Fetching one records nothing: link scanners
//! fetch. The page that it leads to asks by itself, once a browser shows it.

mod answer;
mod ask;
mod page;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ask::ask_on_time, answer::answer_by_link))
}
