use std::sync::PoisonError;

use aggregates::group::{Command, Group, Rules};
use axum::extract::State;
use schema::{GroupId, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::known;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Have whoever belongs to a group belong to another one, too
///
/// A group that would be in itself is refused, with the way round.
#[utoipa::path(
    put, path = "/v1/groups/{group}/members/groups/{member}", tag = "groups",
    params(
        ("group" = String, Path, description = "Name of the group"),
        ("member" = String, Path, description = "Name of the group that is to be in it"),
    ),
    responses((status = 200, description = "A member, or already one", body = Changed))
)]
pub async fn put_member_group(
    State(api): State<ApiState>,
    Path((group, member)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let (group, member) = (GroupId::try_new(group)?, GroupId::try_new(member)?);
    let tenant = &change.caller.tenant;
    known::group(&api, tenant, "member", &member).await?;
    let plan = Plan::of(StreamId::group(tenant, &group), &[]);
    let choose = |_: &Group| {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        let nesting = index.nesting(tenant, &group, &member);
        Ok(Command::AddGroup { group: member.clone(), nesting })
    };
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("group", group.as_str())).await
}

/// Have whoever belongs to a group belong to another one no more
#[utoipa::path(
    delete, path = "/v1/groups/{group}/members/groups/{member}", tag = "groups",
    params(
        ("group" = String, Path, description = "Name of the group"),
        ("member" = String, Path, description = "Name of the group that is in it"),
    ),
    responses((status = 200, description = "No member, or already none", body = Changed))
)]
pub async fn delete_member_group(
    State(api): State<ApiState>,
    Path((group, member)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let (group, member) = (GroupId::try_new(group)?, GroupId::try_new(member)?);
    let plan = Plan::of(StreamId::group(&change.caller.tenant, &group), &[]);
    let choose = |_: &Group| Ok(Command::RemoveGroup { group: member.clone() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("group", group.as_str())).await
}
