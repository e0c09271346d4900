use axum::Json;
use axum::extract::State;
use projections::groups::{MemberFilter, queries};
use schema::GroupId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{MemberView, kind};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::state::ApiState;

/// Which members.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only these: `recipient` or `group`.
    kind: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// What a group holds itself, newest first
///
/// Members of the groups in it are members, too: ask for theirs by name.
#[utoipa::path(
    get, path = "/v1/groups/{group}/members", tag = "groups",
    params(("group" = String, Path, description = "Name of the group"), Which),
    responses((status = 200, description = "A page of members", body = Listing<MemberView>))
)]
pub async fn list_members(
    State(api): State<ApiState>,
    Path(group): Path<String>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<MemberView>>, ApiError> {
    let group = GroupId::try_new(group)?;
    let request = page_request(which.limit, which.after.as_deref())?;
    let kind = which.kind.as_deref().map(kind).transpose()?;
    at_least.wait(&api, "groups").await?;
    let tenant = caller.tenant.as_str();
    let known = queries::by_ids(&api.reads, tenant, &[group.to_string()]).await?;
    if known.is_empty() {
        return Err(ApiError::not_found("group", group.as_str()));
    }
    let filter = MemberFilter { tenant: tenant.to_owned(), group: group.to_string(), kind };
    let page = queries::members(&api.reads, &filter, &request).await?;
    Ok(Json(Listing::of(page, MemberView::from)))
}
