//! How long what is handed to a recipient holds: signed, kept nowhere, and so short-lived.

use schema::{Invalid, RecipientId, TenantId, Timestamp};

use crate::clock::now;
use crate::error::{ApiError, Code};
use crate::known;
use crate::state::ApiState;

/// Seconds when nobody says.
const DEFAULT_TTL_S: u32 = 15 * 60;

/// Until when it holds that is handed to this recipient now, `most_s` seconds at most.
///
/// # Errors
/// [`Code::Invalid`] naming `ttl_s`; [`Code::NotFound`] where there is no such recipient.
pub(crate) async fn ends(
    api: &ApiState,
    tenant: &TenantId,
    recipient: &RecipientId,
    ttl_s: Option<u32>,
    most_s: u32,
) -> Result<Timestamp, ApiError> {
    let ttl_s = ttl_s.unwrap_or(DEFAULT_TTL_S);
    if !(1..=most_s).contains(&ttl_s) {
        let rule = format!("must be 1 to {most_s}");
        return Err(Invalid::new("ttl_s", &ttl_s.to_string(), rule).into());
    }
    let known = known::recipient(api, tenant, "recipient", recipient).await;
    known.map_err(|error| match error.code {
        Code::Invalid => ApiError::not_found("recipient", recipient.as_str()),
        _ => error,
    })?;
    Ok(now().plus_ms(u64::from(ttl_s) * 1000))
}
