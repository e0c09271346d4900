use axum::extract::State;
use schema::events::AnsweredVia;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, Ordered};
use crate::rest::deliveries::order::{Entry, Order};
use crate::rest::words::OnTimeAnswerWord;
use crate::state::ApiState;
use crate::walls::Said;

/// Whether it came on time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnTime {
    /// Which it was.
    answer: OnTimeAnswerWord,
}

/// Say whether an entry came on time
///
/// The last answer counts; the same once more is nothing new.
#[utoipa::path(
    post, path = "/v1/inbox/{delivery}/on-time", tag = "recipients' own",
    params(("delivery" = String, Path, description = "The entry, by its delivery")),
    request_body = OnTime,
    responses((status = 200, description = "Recorded, or already so", body = Ordered))
)]
pub async fn answer_entry(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
    body: JsonBody<OnTime>,
) -> Result<Done, ApiError> {
    let answer = body.value.answer.read()?;
    let order = match Order::enter(&api, &change, &delivery, &body.bytes).await? {
        Entry::Fresh(order) => order,
        Entry::Replayed(done) => return Ok(*done),
    };
    let (_, record) = order.outcome(order.delivery);
    let said = Said { answer, via: AnsweredVia::Inbox };
    let (own, asked) = (change.caller.recipient(), order.asked());
    let ordered = api.deliveries.answer(order.delivery, said, own, asked, record).await;
    order.done(ordered).await
}
