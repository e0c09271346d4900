use axum::extract::State;
use schema::events::EntryMark;

use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::outcome::{Done, Ordered};
use crate::rest::deliveries::order::{Entry, Order};
use crate::state::ApiState;

/// Say that an entry was read
#[utoipa::path(
    post, path = "/v1/inbox/{delivery}/read", tag = "recipients' own",
    params(("delivery" = String, Path, description = "The entry, by its delivery")),
    responses((status = 200, description = "Read, or already so", body = Ordered))
)]
pub async fn read_entry(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    mark(&api, &delivery, &change, &[], EntryMark::Read).await
}

/// Take note of an entry
///
/// Whoever does has read it.
#[utoipa::path(
    post, path = "/v1/inbox/{delivery}/acknowledge", tag = "recipients' own",
    params(("delivery" = String, Path, description = "The entry, by its delivery")),
    responses((status = 200, description = "Acknowledged, or already so", body = Ordered))
)]
pub async fn acknowledge_entry(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    mark(&api, &delivery, &change, &[], EntryMark::Acknowledged).await
}

/// Put an entry off no longer
#[utoipa::path(
    post, path = "/v1/inbox/{delivery}/unsnooze", tag = "recipients' own",
    params(("delivery" = String, Path, description = "The entry, by its delivery")),
    responses((status = 200, description = "Not put off, or already so", body = Ordered))
)]
pub async fn unsnooze_entry(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
) -> Result<Done, ApiError> {
    mark(&api, &delivery, &change, &[], EntryMark::Unsnoozed).await
}

/// Another recipient's entry does not exist for one that signed in.
pub(super) async fn mark(
    api: &ApiState,
    delivery: &str,
    change: &Change,
    body: &[u8],
    mark: EntryMark,
) -> Result<Done, ApiError> {
    let order = match Order::enter(api, change, delivery, body).await? {
        Entry::Fresh(order) => order,
        Entry::Replayed(done) => return Ok(*done),
    };
    let (_, record) = order.outcome(order.delivery);
    let own = change.caller.recipient();
    let ordered = api.deliveries.mark(order.delivery, mark, own, order.asked(), record).await;
    order.done(ordered).await
}
