use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::State;
use schema::{StreamId, SubscriptionId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::clock::now;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path, instant};
use crate::limited;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// How a subscription is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionPause {
    /// Until when (exclusive, RFC 3339); until it is resumed, when absent.
    #[serde(default)]
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Why: one line of 1 to 500 bytes.
    #[schema(example = "on leave")]
    reason: String,
}

/// Pause a subscription
///
/// Versions that come in meanwhile are not delivered to it, and not made up for later.
#[utoipa::path(
    post, path = "/v1/subscriptions/{subscription}/pause", tag = "subscriptions",
    params(("subscription" = String, Path, description = "Id of the subscription")),
    request_body = SubscriptionPause,
    responses((status = 200, description = "Paused, or already so", body = Changed))
)]
pub async fn pause_subscription(
    State(api): State<ApiState>,
    Path(subscription): Path<String>,
    change: Change,
    body: JsonBody<SubscriptionPause>,
) -> Result<Done, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    let SubscriptionPause { until, reason } = body.value;
    let until = instant("until", until.as_deref())?;
    let stream = StreamId::subscription(&change.caller.tenant, &subscription);
    let choose = |state: &Subscription| {
        limited::check_state(&api, &change.caller, state)?;
        Ok(Command::Pause { until, reason: reason.clone(), now: now() })
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(&api, &change, Plan::of(stream, &body.bytes), choose, tell).await
}
