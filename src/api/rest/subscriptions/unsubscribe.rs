use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::State;
use schema::{StreamId, SubscriptionId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::limited;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Why a subscription ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionEnd {
    /// Why: one line of 1 to 500 bytes.
    #[schema(example = "requested")]
    reason: String,
}

/// End a subscription
///
/// It is checked again at each send: what is planned and not yet sent stays unsent.
#[utoipa::path(
    post, path = "/v1/subscriptions/{subscription}/unsubscribe", tag = "subscriptions",
    params(("subscription" = String, Path, description = "Id of the subscription")),
    request_body = SubscriptionEnd,
    responses((status = 200, description = "Ended, or already so", body = Changed))
)]
pub async fn end_subscription(
    State(api): State<ApiState>,
    Path(subscription): Path<String>,
    change: Change,
    body: JsonBody<SubscriptionEnd>,
) -> Result<Done, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    let stream = StreamId::subscription(&change.caller.tenant, &subscription);
    let reason = body.value.reason;
    let choose = |state: &Subscription| {
        limited::check_state(&api, &change.caller, state)?;
        Ok(Command::Unsubscribe { reason: reason.clone() })
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(&api, &change, Plan::of(stream, &body.bytes), choose, tell).await
}
