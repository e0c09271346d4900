use projections::recipients::{AddressRow, RecipientRow};
use schema::RecipientId;
use schema::events::Scope;

use super::body::{AddressView, RecipientView};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::sealing::{MASK, opened};
use crate::state::ApiState;

/// A recipient as the caller may see it.
pub(super) async fn told(
    api: &ApiState,
    caller: &Caller,
    row: RecipientRow,
) -> Result<RecipientView, ApiError> {
    let name = match &row.name {
        Some(sealed) if caller.may(Scope::Audit) => {
            let recipient = RecipientId::try_new(row.recipient.as_str())?;
            opened(api, caller, &recipient, "name", sealed).await?
        }
        Some(_) => Some(MASK.to_owned()),
        None => None,
    };
    Ok(RecipientView {
        recipient: row.recipient,
        kind: row.kind,
        name,
        locale: row.locale,
        zone: row.zone,
        registered_at: row.registered_at,
        changed_at: row.changed_at,
        retired_at: row.retired_at,
        retire_reason: row.retire_reason,
        sequence: row.sequence,
        addresses: None,
        entitlements: None,
    })
}

/// An address as the caller may see it.
pub(super) async fn told_address(
    api: &ApiState,
    caller: &Caller,
    recipient: &RecipientId,
    row: AddressRow,
) -> Result<AddressView, ApiError> {
    let field = format!("address/{}", row.address);
    let clear = opened(api, caller, recipient, &field, &row.value).await?;
    let value = clear.map(|clear| if caller.may(Scope::Audit) { clear } else { MASK.to_owned() });
    Ok(AddressView {
        address: row.address,
        channel: row.channel,
        value,
        destination: row.destination,
        revision: row.revision,
        added_at: row.added_at,
        changed_at: row.changed_at,
        retired_at: row.retired_at,
        retire_reason: row.retire_reason,
    })
}
