use aggregates::group::{Command, Group, Rules};
use axum::extract::State;
use schema::{GroupId, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Retire a group
///
/// Nobody gets anything by it any more, for good, also where it lies in other groups.
#[utoipa::path(
    delete, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "Name of the group"), Reason),
    responses((status = 200, description = "Retired, or already so", body = Changed))
)]
pub async fn retire_group(
    State(api): State<ApiState>,
    Path(group): Path<String>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let group = GroupId::try_new(group)?;
    let plan = Plan::of(StreamId::group(&change.caller.tenant, &group), &[]);
    let choose = |_: &Group| Ok(Command::Retire { reason: reason.text().to_owned() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("group", group.as_str())).await
}
