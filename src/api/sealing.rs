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

/// An address of which only the domain or the host is left.
#[must_use]
pub fn masked(channel: &str, clear: &str) -> String {
    if channel == "mail" {
        let domain = clear.rsplit_once('@').map_or("", |(_, domain)| domain);
        return format!("{MASK}@{domain}");
    }
    url::Url::parse(clear).ok().map_or_else(
        || MASK.to_owned(),
        |url| format!("{}://{}/{MASK}", url.scheme(), url.host_str().unwrap_or(MASK)),
    )
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_address_tells_its_domain_and_nothing_else() {
        assert_eq!(masked("mail", "ada@example.com"), "***@example.com");
        let url = "https://u:p@hooks.example:8443/secret/path?token=x";
        assert_eq!(masked("webhook", url), "https://hooks.example/***");
        assert_eq!(masked("webhook", "no url"), "***");
    }
}
