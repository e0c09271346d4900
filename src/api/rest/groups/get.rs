use axum::extract::State;
use projections::groups::queries;
use schema::GroupId;

use super::body::GroupView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One group
#[utoipa::path(
    get, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Name of the group"), AtLeastQuery),
    responses((status = 200, description = "The group", body = GroupView))
)]
pub async fn get_group(
    State(api): State<ApiState>,
    Path(group): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<GroupView>, ApiError> {
    let group = GroupId::try_new(group)?;
    at_least.wait(&api, "groups").await?;
    let rows = queries::by_ids(&api.reads, caller.tenant.as_str(), &[group.to_string()]).await?;
    let row = rows.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("group", group.as_str()))?;
    Ok(Tagged { sequence: row.sequence, value: row.into() })
}
