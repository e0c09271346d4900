//! Recipients, their addresses and what they may have. Personal data is sealed here, before anything is decided, and
//! opened here, for whoever may see it.

mod body;
mod delete_address;
mod get;
mod grant;
mod list;
mod put;
mod put_address;
mod retire;
mod revoke;
mod sign_in;
mod unsealed;
mod webhook;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_recipients))
        .routes(routes!(get::get_recipient, put::put_recipient, retire::retire_recipient))
        .routes(routes!(put_address::put_address, delete_address::retire_address))
        .merge(webhook::routes())
        .routes(routes!(sign_in::sign_in_recipient))
        .routes(routes!(grant::put_entitlement, revoke::revoke_entitlement))
}
