use aggregates::api_key::{ApiKey, Command, Rules};
use axum::extract::State;
use schema::{ApiKeyId, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Revoke a key
///
/// It stops working at once on this node, elsewhere within the log's lag; for good.
#[utoipa::path(
    delete, path = "/v1/keys/{key}", tag = "keys",
    params(("key" = String, Path, description = "Public part of the key"), Reason),
    responses((status = 200, description = "Revoked, or already so", body = Changed))
)]
pub async fn revoke_key(
    State(api): State<ApiState>,
    Path(key): Path<String>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let key = ApiKeyId::try_new(key)?;
    let plan = Plan::of(StreamId::api_key(&change.caller.tenant, &key), &[]);
    let choose = |_: &ApiKey| Ok(Command::Revoke { reason: reason.text().to_owned() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("key", key.as_str())).await
}
