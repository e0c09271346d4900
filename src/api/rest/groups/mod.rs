//! Groups: recipients under one name, and groups in groups.

mod body;
mod get;
mod list;
mod members;
mod nest;
mod put;
mod retire;
mod settle;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_groups))
        .routes(routes!(get::get_group, put::put_group, retire::retire_group))
        .routes(routes!(members::list_members, settle::settle_members))
        .routes(routes!(settle::put_member, settle::delete_member))
        .routes(routes!(nest::put_member_group, nest::delete_member_group))
}
