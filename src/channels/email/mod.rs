//! Mail: a parcel becomes one message to one recipient, handed to a relay by SMTP.
//!
//! This room knows exactly how far a lost connection had come, because it drives each step itself: before the final dot
//! nothing was taken, after it without an answer the mail is in doubt, and nobody guesses. The bytes of a mail depend
//! on its parcel alone, not on the attempt or the clock: the same delivery is the same message, under the same
//! Message-ID, with `Date` being when the report version was received.

mod config;
mod connect;
mod context;
mod dkim;
mod header;
mod message;
mod oauth;
mod pool;
pub mod returns;
mod send;
mod session;
mod template;
#[cfg(test)]
mod tests;
mod wire;

pub use config::{EmailConfig, TlsMode};
pub use dkim::DkimKey;
pub use send::EmailChannel;
