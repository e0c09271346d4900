use axum::extract::State;

use super::order::{Entry, Order};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::outcome::{Done, Ordered};
use crate::state::ApiState;

/// Send a closed delivery once more
///
/// As a delivery of its own, to where the recipient is reached now. It is not counted in the distribution's sums.
#[utoipa::path(
    post, path = "/v1/deliveries/{delivery}/resend", tag = "deliveries",
    params(("delivery" = String, Path, description = "Id of the closed delivery")),
    responses((status = 201, description = "Scheduled, as the delivery named", body = Ordered))
)]
pub async fn resend_delivery(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    let order = match Order::enter(&api, &change, &delivery, &[]).await? {
        Entry::Fresh(order) => order,
        Entry::Replayed(done) => return Ok(*done),
    };
    let record = |again| order.outcome(again).1;
    let ordered = api.deliveries.resend(order.delivery, order.asked(), &record).await;
    order.done(ordered).await
}
