use aggregates::tenant::{Command, Rules, Tenant};
use axum::extract::State;
use schema::StreamId;
use serde::Deserialize;
use serde_json::Map;
use utoipa::ToSchema;

use super::body::PauseScopeBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::outcome::{Changed, Done};
use crate::state::ApiState;

/// What to let go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeBody {
    /// What, as it was paused.
    scope: PauseScopeBody,
}

/// Let sends go on
#[utoipa::path(
    post, path = "/v1/pauses/resume", tag = "pauses", request_body = ResumeBody,
    responses((status = 200, description = "Sends go on, or were not held back", body = Changed))
)]
pub async fn resume_dispatch(
    State(api): State<ApiState>,
    change: Change,
    body: JsonBody<ResumeBody>,
) -> Result<Done, ApiError> {
    let scope = body.value.scope.read()?;
    let stream = StreamId::tenant(&change.caller.tenant);
    let choose = |_: &Tenant| Ok(Command::ResumeDispatch { scope: scope.clone() });
    carry_out::<Rules>(&api, &change, Plan::of(stream, &body.bytes), choose, |_| Map::new()).await
}
