use axum::extract::State;
use projections::subscriptions::queries;
use schema::SubscriptionId;

use super::body::SubscriptionView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One subscription
#[utoipa::path(
    get, path = "/v1/subscriptions/{subscription}", tag = "subscriptions",
    params(("subscription" = String, Path, description = "Id of the subscription"), AtLeastQuery),
    responses((status = 200, description = "The subscription", body = SubscriptionView))
)]
pub async fn get_subscription(
    State(api): State<ApiState>,
    Path(subscription): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<SubscriptionView>, ApiError> {
    let subscription = SubscriptionId::try_new(subscription)?;
    at_least.wait(&api, "subscriptions").await?;
    let (ids, now) = ([subscription.to_string()], crate::clock::now().to_chrono());
    let rows = queries::by_ids(&api.reads, caller.tenant.as_str(), &ids, now).await?;
    let row = rows.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("subscription", subscription.as_str()))?;
    Ok(Tagged { sequence: row.sequence, value: row.into() })
}
