use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::State;
use schema::{StreamId, SubscriptionId};
use uuid::Uuid;

use super::body::SubscriptionBody;
use crate::carry_out::{Plan, carry_out, replay};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::limited;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Subscribe, under an id the server chooses
///
/// To have the same request make one subscription however often it is sent, give an Idempotency-Key.
#[utoipa::path(
    post, path = "/v1/subscriptions", tag = "subscriptions", request_body = SubscriptionBody,
    responses((status = 201, description = "Subscribed", body = Changed))
)]
pub async fn create_subscription(
    State(api): State<ApiState>,
    change: Change,
    body: JsonBody<SubscriptionBody>,
) -> Result<Done, ApiError> {
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let tenant = &change.caller.tenant;
    let said = body.value.checked(&api, tenant).await?;
    limited::check(&api, &change.caller, &said)?;
    let subscription = SubscriptionId::try_new(fresh_id())?;
    let plan = Plan {
        location: Some(format!("/v1/subscriptions/{subscription}")),
        ..Plan::of(StreamId::subscription(tenant, &subscription), &body.bytes)
    };
    let choose = |_: &Subscription| Ok(Command::Subscribe(said.clone()));
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(&api, &change, plan, choose, tell).await
}

/// An id of the server's own: 32 hexadecimal digits, growing with time.
fn fresh_id() -> String {
    Uuid::now_v7().simple().to_string()
}
