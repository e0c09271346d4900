//! DKIM signatures (RFC 6376, RFC 8463): ed25519 and RSA, as many at once as there are keys. They depend on the mail
//! alone, without a time of signing: the same delivery is the same bytes on every attempt.

mod canonical;
mod config;
mod key;
mod sign;

pub use config::DkimKey;
pub use sign::Signers;
