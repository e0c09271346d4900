use aggregates::recipient::{Command, Recipient, Rules};
use axum::extract::State;
use schema::{AddressId, RecipientId, StreamId};
use store::AddressChange;

use crate::carry_out::{Plan, carry_out, load};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Retire a recipient
///
/// It gets nothing any more, for good. What is known of it stays until it is erased.
#[utoipa::path(
    delete, path = "/v1/recipients/{recipient}", tag = "recipients",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient"), Reason),
    responses((status = 200, description = "Retired, or already so", body = Changed))
)]
pub async fn retire_recipient(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let stream = StreamId::recipient(&change.caller.tenant, &recipient);
    let known = load::<Rules>(&api, &stream).await?.state;
    let plan = Plan {
        addresses: addresses_of(&known)
            .map(|address| AddressChange::Remove { recipient: recipient.clone(), address })
            .collect(),
        ..Plan::of(stream, &[])
    };
    let choose = |_: &Recipient| Ok(Command::Retire { reason: reason.text().to_owned() });
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("recipient", recipient.as_str()))
        .await
}

fn addresses_of(state: &Recipient) -> impl Iterator<Item = AddressId> {
    let addresses = match state {
        Recipient::Active(known) => known.addresses.as_slice(),
        Recipient::Unknown | Recipient::Retired => &[],
    };
    addresses.iter().map(|address| address.id.clone())
}
