use axum::extract::State;
use projections::deliveries::queries;
use schema::DeliveryId;

use super::body::DeliveryView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One delivery
#[utoipa::path(
    get, path = "/v1/deliveries/{delivery}", tag = "deliveries",
    params(("delivery" = String, Path, description = "Id of the delivery"), AtLeastQuery),
    responses((status = 200, description = "The delivery", body = DeliveryView))
)]
pub async fn get_delivery(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<DeliveryView>, ApiError> {
    let id: DeliveryId = delivery.parse()?;
    at_least.wait(&api, "deliveries").await?;
    let rows = queries::by_ids(&api.reads, caller.tenant.as_str(), &[id.as_uuid()]).await?;
    let row = rows.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("delivery", &delivery))?;
    Ok(Tagged { sequence: row.last_position, value: row.into() })
}
