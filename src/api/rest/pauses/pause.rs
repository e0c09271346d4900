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

/// What to hold back, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// What.
    scope: PauseScopeBody,
    /// Why, for whoever looks next: one line of 1 to 500 bytes.
    #[schema(example = "the mail relay is being moved")]
    reason: String,
}

/// Hold sends back
///
/// What is due waits; deadlines go on. Sends under way are finished.
#[utoipa::path(
    post, path = "/v1/pauses", tag = "pauses", request_body = PauseBody,
    responses((status = 200, description = "Held back, or already so", body = Changed))
)]
pub async fn pause_dispatch(
    State(api): State<ApiState>,
    change: Change,
    body: JsonBody<PauseBody>,
) -> Result<Done, ApiError> {
    let scope = body.value.scope.read()?;
    let reason = body.value.reason;
    let stream = StreamId::tenant(&change.caller.tenant);
    let choose =
        |_: &Tenant| Ok(Command::PauseDispatch { scope: scope.clone(), reason: reason.clone() });
    carry_out::<Rules>(&api, &change, Plan::of(stream, &body.bytes), choose, |_| Map::new()).await
}
