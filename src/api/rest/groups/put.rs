use aggregates::group::{Command, Group, Rules};
use axum::extract::State;
use schema::{GroupId, StreamId};

use super::body::GroupBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Make a group, or call it something else
#[utoipa::path(
    put, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Name of the group")),
    request_body = GroupBody,
    responses(
        (status = 200, description = "Changed, or already so", body = Changed),
        (status = 201, description = "Made", body = Changed),
    )
)]
pub async fn put_group(
    State(api): State<ApiState>,
    Path(group): Path<String>,
    change: Change,
    body: JsonBody<GroupBody>,
) -> Result<Done, ApiError> {
    let group = GroupId::try_new(group)?;
    let title = body.value.title;
    let plan = Plan {
        location: Some(format!("/v1/groups/{group}")),
        ..Plan::of(StreamId::group(&change.caller.tenant, &group), &body.bytes)
    };
    let choose = |state: &Group| {
        let title = title.clone();
        Ok(match state {
            Group::Unknown => Command::Create { title },
            Group::Active { .. } | Group::Retired => Command::Change { title },
        })
    };
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("group", group.as_str())).await
}
