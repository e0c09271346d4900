//! Tests of webhooks over real sockets: what is signed and sent, what an answer or its absence means, where nothing
//! may go.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod answers;
mod blocked;
mod certificate;
mod content;
mod quiet;
mod settings;
mod speed;

use std::sync::Arc;

use schema::{ChannelKind, Parcel, WebhookKeys};
use secrecy::SecretString;

use super::{WebhookChannel, WebhookConfig};
use crate::testing::{self, Receiver};

/// This machine only, in clear text, with limits short enough for a test.
fn config() -> WebhookConfig {
    WebhookConfig {
        timeout_ms: 2_000,
        connect_timeout_ms: 1_000,
        allow_http: true,
        allow: vec!["127.0.0.1/32".to_owned()],
        ..WebhookConfig::default()
    }
}

fn channel() -> WebhookChannel {
    WebhookChannel::try_new(&config()).unwrap()
}

fn parcel(receiver: &Receiver) -> Parcel {
    to(&receiver.url("/hooks?a=b"))
}

fn to(url: &str) -> Parcel {
    testing::parcel(ChannelKind::Webhook, url)
}

fn keys_of(secret: &str) -> Arc<WebhookKeys> {
    Arc::new(WebhookKeys::of_secret(SecretString::from(secret.to_owned())))
}
