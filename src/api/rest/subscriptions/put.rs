use aggregates::subscription::{Command, Rules, Subscription, Wish};
use axum::extract::State;
use schema::{StreamId, SubscriptionId};

use super::body::SubscriptionBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::limited;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Subscribe under this id, or change what the subscription says
///
/// The body replaces all it says; a pause stays. One that had ended begins again.
#[utoipa::path(
    put, path = "/v1/subscriptions/{subscription}", tag = "subscriptions",
    params(("subscription" = String, Path, description = "Id of the subscription")),
    request_body = SubscriptionBody,
    responses(
        (status = 200, description = "Changed, begun again, or already so", body = Changed),
        (status = 201, description = "Subscribed", body = Changed),
    )
)]
pub async fn put_subscription(
    State(api): State<ApiState>,
    Path(subscription): Path<String>,
    change: Change,
    body: JsonBody<SubscriptionBody>,
) -> Result<Done, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    let tenant = &change.caller.tenant;
    let said = body.value.checked(&api, tenant).await?;
    let plan = Plan {
        location: Some(format!("/v1/subscriptions/{subscription}")),
        ..Plan::of(StreamId::subscription(tenant, &subscription), &body.bytes)
    };
    limited::check(&api, &change.caller, &said)?;
    let choose = |state: &Subscription| {
        limited::check_state(&api, &change.caller, state)?;
        Ok(asked(state, said.clone()))
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(&api, &change, plan, choose, tell).await
}

/// What is asked of a subscription that stands so, that it say this.
pub(super) fn asked(state: &Subscription, said: Wish) -> Command {
    match state {
        Subscription::Unknown | Subscription::Ended { .. } => Command::Subscribe(said),
        Subscription::Active { .. } | Subscription::Paused { .. } => Command::Change(said),
    }
}
