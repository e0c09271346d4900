use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::order::{Entry, Order};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, Ordered};
use crate::state::ApiState;

/// Why a delivery is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Why: one line of 1 to 500 bytes.
    #[schema(example = "sent by hand")]
    reason: String,
}

/// Call a delivery off
///
/// Refused while an attempt is under way: what has left cannot be called back.
#[utoipa::path(
    post, path = "/v1/deliveries/{delivery}/cancel", tag = "deliveries",
    params(("delivery" = String, Path, description = "Id of the delivery")),
    request_body = Cancellation,
    responses((status = 200, description = "Cancelled, or already so", body = Ordered))
)]
pub async fn cancel_delivery(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
    body: JsonBody<Cancellation>,
) -> Result<Done, ApiError> {
    let order = match Order::enter(&api, &change, &delivery, &body.bytes).await? {
        Entry::Fresh(order) => order,
        Entry::Replayed(done) => return Ok(*done),
    };
    let (_, record) = order.outcome(order.delivery);
    let desk = &api.deliveries;
    let ordered = desk.cancel(order.delivery, body.value.reason, order.asked(), record).await;
    order.done(ordered).await
}
