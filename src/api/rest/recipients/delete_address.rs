use aggregates::recipient::{Command, Recipient, Rules};
use axum::extract::State;
use schema::events::RetireReason;
use schema::{AddressId, RecipientId, StreamId};
use store::AddressChange;

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::Path;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Retire an address
///
/// Nothing is sent there any more. Its name can be used again.
#[utoipa::path(
    delete, path = "/v1/recipients/{recipient}/addresses/{address}", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    responses((status = 200, description = "Retired, or already so", body = Changed))
)]
pub async fn retire_address(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let address = AddressId::try_new(address)?;
    let plan = Plan {
        addresses: vec![AddressChange::Remove {
            recipient: recipient.clone(),
            address: address.clone(),
        }],
        ..Plan::of(StreamId::recipient(&change.caller.tenant, &recipient), &[])
    };
    let choose = |_: &Recipient| {
        let (address, reason) = (address.clone(), RetireReason::Requested);
        Ok(Command::RetireAddress { address, reason })
    };
    let mut names = answer("recipient", recipient.as_str());
    names.insert("address".to_owned(), address.as_str().into());
    carry_out::<Rules>(&api, &change, plan, choose, |_| names.clone()).await
}
