//! Webhooks: a parcel becomes one signed HTTP POST after Standard Webhooks v1.
//!
//! What goes out is the same for each attempt of a delivery: the same webhook-id, the same body byte for byte; only the
//! signature's timestamp moves. Where it goes is guarded twice: the URL's own host when it is an address, and each
//! address a name resolves to at the moment it is dialled. Redirects and proxies are never followed.

mod body;
mod client;
mod config;
mod guard;
mod payload;
mod ranges;
mod resolver;
mod retry_after;
mod send;
mod sign;
#[cfg(test)]
mod tests;
mod trial;
mod trouble;

pub use client::{CheckedCertificate, check_client_certificate};
pub use config::WebhookConfig;
pub use guard::{WebhookGuard, validate_url};
pub use send::{Letter, WebhookChannel};
pub use sign::{check_secret, generate_key_pair, generate_secret};
pub use trial::TriedTooSoon;
