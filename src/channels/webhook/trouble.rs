use std::io;

use schema::{ChannelError, FailureClass};

use super::guard::Blocked;
use crate::cause::cause;
use crate::taxonomy::connect_code;

/// What a request without an answer means. `taken` tells whether hyper had begun to send the body: if not, nothing of
/// the report left; if so, it may have arrived. hyper does not tell how much of the body the socket took, so a
/// connection lost in the middle of it is in doubt too: under the same webhook-id a repetition does no harm.
pub fn unanswered(error: &reqwest::Error, taken: bool) -> ChannelError {
    if let Some(blocked) = cause::<Blocked>(error) {
        return refused(blocked);
    }
    if taken && !error.is_connect() {
        return ChannelError::in_doubt("webhook.unanswered");
    }
    let code = match cause::<io::Error>(error) {
        _ if error.is_dns() => "connect.dns",
        _ if cause::<rustls::Error>(error).is_some() => "connect.tls",
        _ if error.is_timeout() => "connect.timeout",
        Some(error) => connect_code(error.kind()),
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
