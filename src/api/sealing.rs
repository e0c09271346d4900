//! Personal data at the API's edge: sealed on its way in, opened or masked on its way out.

use schema::{RecipientId, Sealed, StreamId};
use secrecy::ExposeSecret;
use store::UnsealError;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::state::ApiState;

/// What stands for a value that the caller may not see.
pub const MASK: &str = "***";

/// The place a value is sealed for: it opens nowhere else.
#[must_use]
pub fn sealed_for(stream: &StreamId, field: &str) -> String {
    format!("{stream}#{field}")
}

/// The value in the clear; `None` when its key was destroyed.
///
/// # Errors
/// The vault's.
pub async fn opened(
    api: &ApiState,
    caller: &Caller,
    recipient: &RecipientId,
    field: &str,
    sealed: &Sealed,
) -> Result<Option<String>, ApiError> {
    let place = sealed_for(&StreamId::recipient(&caller.tenant, recipient), field);
    match api.vault.unseal(&caller.tenant, recipient, &place, sealed).await {
        Ok(clear) => Ok(Some(clear.expose_secret().to_owned())),
        Err(UnsealError::Erased) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
