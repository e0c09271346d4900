use std::error::Error;
use std::io;

use schema::{ChannelError, FailureClass};

use super::guard::Blocked;
use crate::taxonomy::connect_code;

/// What a request without an answer means. `taken` tells whether hyper had begun to send the body: if not, nothing of
/// the report left; if so, it may have arrived. hyper does not tell how much of the body the socket took, so a
/// connection lost in the middle of it is in doubt too: under the same webhook-id a repetition does no harm.
pub fn unanswered(error: &reqwest::Error, taken: bool) -> ChannelError {
    if let Some(blocked) = source::<Blocked>(error) {
        return refused(blocked);
    }
    if taken && !error.is_connect() {
        return ChannelError::in_doubt("webhook.unanswered");
    }
    let code = match source::<io::Error>(error) {
        _ if error.is_dns() => "connect.dns",
        _ if source::<rustls::Error>(error).is_some() => "connect.tls",
        _ if error.is_timeout() => "connect.timeout",
        Some(cause) => connect_code(cause.kind()),
        None => "connect.failed",
    };
    ChannelError::not_sent(FailureClass::Transient, code)
}

/// The guard said no.
pub fn refused(blocked: &Blocked) -> ChannelError {
    ChannelError {
        reply: Some(blocked.to_string()),
        ..ChannelError::not_sent(FailureClass::Policy, "ssrf.blocked")
    }
}

fn source<E: Error + 'static>(error: &dyn Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An io::Error hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref::<E>()) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
