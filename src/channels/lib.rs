//! How a report leaves this machine: a parcel in, a receipt or a channel error out.
//!
//! A channel knows no ledger, no queue and no retry rule. It reads the other side's answer, says what it means
//! ([`taxonomy`]) and how far the send had come; what to do about it is decided elsewhere. A new channel is one folder
//! beside `email`, `webhook` and `inbox`, one `ChannelKind` and one line where boot registers it.

#![warn(missing_docs)]

mod address;
mod cause;
mod channel;
mod clock;
pub mod email;
mod encoded;
mod error;
pub mod inbox;
mod reply;
pub mod taxonomy;
#[cfg(test)]
mod testing;
pub mod webhook;

pub use address::{destination_of, validate_mail_address};
pub use channel::Channel;
pub use email::{EmailChannel, EmailConfig, TlsMode};
pub use error::SetupError;
pub use inbox::InboxChannel;
pub use webhook::{
    WebhookChannel, WebhookConfig, WebhookGuard, generate_key_pair, generate_secret, validate_url,
};

/// Log targets of the libraries below that name hosts and addresses at `debug` and `trace`. Whoever installs a log
/// subscriber must turn them off: nothing of ours logs an address, these do.
pub const TALKATIVE_TARGETS: [&str; 8] =
    ["hyper", "hyper_util", "reqwest", "h2", "rustls", "tokio_rustls", "lettre", "log"];
