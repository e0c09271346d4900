use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::State;
use schema::{StreamId, SubscriptionId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::limited;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Resume a paused subscription
#[utoipa::path(
    post, path = "/v1/subscriptions/{subscription}/resume", tag = "subscriptions",
    params(("subscription" = String, Path, description = "Id of the subscription")),
    responses((status = 200, description = "Resumed, or not paused", body = Changed))
)]
pub async fn resume_subscription(
    State(api): State<ApiState>,
    Path(subscription): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    let stream = StreamId::subscription(&change.caller.tenant, &subscription);
    let choose = |state: &Subscription| {
        limited::check_state(&api, &change.caller, state)?;
        Ok(Command::Resume)
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(&api, &change, Plan::of(stream, &[]), choose, tell).await
}
