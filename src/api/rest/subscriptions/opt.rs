use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::State;
use schema::{RecipientId, StreamId, SubscriptionId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::limited;
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Have a member get none of what its group is subscribed to
///
/// It stays a member, and stays out until it is let in again. Its unsubscribe link does the same.
#[utoipa::path(
    put, path = "/v1/subscriptions/{subscription}/opt-outs/{recipient}", tag = "subscriptions",
    params(
        ("subscription" = String, Path, description = "Id of a group's subscription"),
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        Reason,
    ),
    responses((status = 200, description = "Out, or already so", body = Changed))
)]
pub async fn opt_out(
    State(api): State<ApiState>,
    Path(named): Path<(String, String)>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let reason = reason.text().to_owned();
    opt(&api, &change, named, |recipient| {
        let reason = reason.clone();
        Command::OptOut { recipient, reason }
    })
    .await
}

/// Have a member get again what its group is subscribed to
#[utoipa::path(
    delete, path = "/v1/subscriptions/{subscription}/opt-outs/{recipient}", tag = "subscriptions",
    params(
        ("subscription" = String, Path, description = "Id of a group's subscription"),
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
    ),
    responses((status = 200, description = "In, or already so", body = Changed))
)]
pub async fn opt_in(
    State(api): State<ApiState>,
    Path(named): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    opt(&api, &change, named, |recipient| Command::OptIn { recipient }).await
}

async fn opt(
    api: &ApiState,
    change: &Change,
    (subscription, recipient): (String, String),
    command: impl Fn(RecipientId) -> Command,
) -> Result<Done, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    let recipient = RecipientId::try_new(recipient)?;
    let plan = Plan::of(StreamId::subscription(&change.caller.tenant, &subscription), &[]);
    let choose = |state: &Subscription| {
        limited::check_state(api, &change.caller, state)?;
        Ok(command(recipient.clone()))
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    carry_out::<Rules>(api, change, plan, choose, tell).await
}
