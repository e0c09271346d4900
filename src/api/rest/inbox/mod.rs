//! A recipient's inbox: what came, and what the recipient does with it. Open to the recipient itself, signed in by a
//! token, and to keys that act for it.

mod body;
mod file;
mod list;
mod mark;
mod on_time;
mod read_all;
mod snooze;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_inbox))
        .routes(routes!(read_all::read_inbox))
        .routes(routes!(file::get_file))
        .routes(routes!(mark::read_entry))
        .routes(routes!(mark::acknowledge_entry))
        .routes(routes!(mark::unsnooze_entry))
        .routes(routes!(snooze::snooze_entry))
        .routes(routes!(on_time::answer_entry))
}
