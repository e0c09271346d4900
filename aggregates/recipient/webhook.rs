//! How a webhook is sent to: which settings an address may have.

use schema::events::RecipientEvent;
use schema::{AddressId, ChannelKind, Invalid, WebhookSettings};

use super::{Known, Refusal};

/// So many headers may be sent along.
pub const MAX_HEADERS: usize = 16;
/// Longest name of a header, in bytes.
const MAX_HEADER_NAME_BYTES: usize = 64;
/// Headers that say how a request is framed, whence it comes or how it is signed: they are the sender's own.
const OWN_HEADERS: [&str; 15] = [
    "accept",
    "accept-encoding",
    "connection",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "tracestate",
    "upgrade",
    "user-agent",
];
/// Beginnings of such names.
const OWN_BEGINNINGS: [&str; 6] =
    ["content-", "proxy-", "sec-", "webhook-", "forwarded", "x-forwarded-"];

/// Checks the name of a header that is to be sent along: a token of RFC 9110 in lower case that is not the sender's
/// own. `authorization` may be one.
///
/// # Errors
/// [`Invalid`] with the rule.
pub fn check_header_name(name: &str) -> Result<(), Invalid> {
    let wrong = |rule: &str| Err(Invalid::new("headers", name, rule));
    let token =
        |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&c);
    if name.is_empty() || name.len() > MAX_HEADER_NAME_BYTES || !name.bytes().all(token) {
        return wrong("a name must be 1 to 64 of a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~");
    }
    if OWN_HEADERS.contains(&name) || OWN_BEGINNINGS.iter().any(|own| name.starts_with(own)) {
        return wrong(
            "must not be a header that Waybill sets itself or that changes how a request is read",
        );
    }
    Ok(())
}

pub(super) fn configure(
    known: &Known,
    address: AddressId,
    settings: WebhookSettings,
) -> Result<Vec<RecipientEvent>, Refusal> {
    let found = known.address(&address).filter(|found| found.endpoint.is_some());
    let Some(found) = found else { return Err(Refusal::NoSuchAddress { address }) };
    if found.channel != ChannelKind::Webhook {
        return Err(Refusal::NotAWebhook { address, channel: found.channel });
    }
    if found.webhook.as_deref() == Some(&settings) {
        return Ok(vec![]);
    }
    let header_count = settings.headers.len();
    if header_count > MAX_HEADERS {
        return Err(Refusal::TooManyHeaders { header_count });
    }
    settings.headers.iter().try_for_each(|name| check_header_name(name))?;
    Ok(vec![RecipientEvent::WebhookConfigured { address, settings }])
}
