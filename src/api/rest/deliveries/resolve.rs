use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::order::{Entry, Order};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, Ordered};
use crate::rest::words::ResolutionWord;
use crate::state::ApiState;
use crate::walls::Finding;

/// What was found out about an attempt in doubt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingBody {
    /// Which attempt, from 1.
    #[schema(minimum = 1)]
    attempt: u32,
    /// Whether it arrived.
    resolution: ResolutionWord,
    /// How you know: one line of 1 to 500 bytes.
    #[schema(example = "the recipient has it")]
    note: String,
}

/// Say whether an attempt in doubt arrived
///
/// When it did, the delivery is closed as accepted; when it did not, it is tried again if attempts are left.
#[utoipa::path(
    post, path = "/v1/deliveries/{delivery}/resolve", tag = "deliveries",
    params(("delivery" = String, Path, description = "Id of the delivery")),
    request_body = FindingBody,
    responses((status = 200, description = "Recorded", body = Ordered))
)]
pub async fn resolve_delivery(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
    body: JsonBody<FindingBody>,
) -> Result<Done, ApiError> {
    let FindingBody { attempt, resolution, note } = body.value;
    let finding = Finding { attempt, resolution: resolution.read()?, note };
    let order = match Order::enter(&api, &change, &delivery, &body.bytes).await? {
        Entry::Fresh(order) => order,
        Entry::Replayed(done) => return Ok(*done),
    };
    let (_, record) = order.outcome(order.delivery);
    let desk = &api.deliveries;
    let ordered = desk.resolve(order.delivery, finding, order.asked(), record).await;
    order.done(ordered).await
}
