use aggregates::group::{Command, Group, Rules};
use axum::extract::State;
use schema::{GroupId, Invalid, RecipientId, StreamId};

use super::body::MembersBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::known;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Recipients named in one request at most: all are one transaction.
const MAX_NAMED: usize = 1_000;

/// Have recipients belong to a group, and others no more
///
/// In one transaction: all of it holds, or nothing.
#[utoipa::path(
    post, path = "/v1/groups/{group}/members", tag = "groups",
    params(("group" = String, Path, description = "Name of the group")),
    request_body = MembersBody,
    responses((status = 200, description = "Done, or already so", body = Changed))
)]
pub async fn settle_members(
    State(api): State<ApiState>,
    Path(group): Path<String>,
    change: Change,
    body: JsonBody<MembersBody>,
) -> Result<Done, ApiError> {
    let MembersBody { add, remove } = body.value;
    let count = add.len() + remove.len();
    if count > MAX_NAMED {
        let rule = format!("must name at most {MAX_NAMED} with remove together");
        return Err(Invalid::new("add", &count.to_string(), rule).into());
    }
    let add = names("add", add)?;
    for recipient in &add {
        known::recipient(&api, &change.caller.tenant, "add", recipient).await?;
    }
    settle(&api, &change, group, (add, names("remove", remove)?), &body.bytes).await
}

/// Have a recipient belong to a group
#[utoipa::path(
    put, path = "/v1/groups/{group}/members/recipients/{recipient}", tag = "groups",
    params(
        ("group" = String, Path, description = "Name of the group"),
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
    ),
    responses((status = 200, description = "A member, or already one", body = Changed))
)]
pub async fn put_member(
    State(api): State<ApiState>,
    Path((group, recipient)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    known::recipient(&api, &change.caller.tenant, "recipient", &recipient).await?;
    settle(&api, &change, group, (vec![recipient], vec![]), &[]).await
}

/// Have a recipient belong to a group no more
///
/// It is checked again at each send: what is planned and not yet sent stays unsent.
#[utoipa::path(
    delete, path = "/v1/groups/{group}/members/recipients/{recipient}", tag = "groups",
    params(
        ("group" = String, Path, description = "Name of the group"),
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
    ),
    responses((status = 200, description = "No member, or already none", body = Changed))
)]
pub async fn delete_member(
    State(api): State<ApiState>,
    Path((group, recipient)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    settle(&api, &change, group, (vec![], vec![recipient]), &[]).await
}

async fn settle(
    api: &ApiState,
    change: &Change,
    group: String,
    (add, remove): (Vec<RecipientId>, Vec<RecipientId>),
    bytes: &[u8],
) -> Result<Done, ApiError> {
    let group = GroupId::try_new(group)?;
    let plan = Plan::of(StreamId::group(&change.caller.tenant, &group), bytes);
    let choose = |_: &Group| Ok(Command::Settle { add: add.clone(), remove: remove.clone() });
    carry_out::<Rules>(api, change, plan, choose, |_| answer("group", group.as_str())).await
}

fn names(field: &str, names: Vec<String>) -> Result<Vec<RecipientId>, Invalid> {
    let named = names.into_iter().map(RecipientId::try_new);
    named.collect::<Result<_, _>>().map_err(|invalid| invalid.within(field))
}
