//! Tests of mail over real sockets: what is written, how far a lost connection had come, what the pool keeps.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod content;
mod judged;
mod oauth;
mod pool;
mod quiet;
mod speed;
mod stages;
mod templates;
mod tls;

use schema::{ChannelKind, Parcel};

use super::{EmailChannel, EmailConfig, TlsMode};
use crate::testing::{self, Relay, Script};

/// Clear text to `relay` on this machine, with limits short enough for a test.
fn config(relay: &Relay) -> EmailConfig {
    EmailConfig {
        host: relay.address.ip().to_string(),
        port: relay.address.port(),
        tls: TlsMode::None,
        from_address: "reports@acme.example".to_owned(),
        from_name: "Acme Reports".to_owned(),
        pool_size: 2,
        command_timeout_ms: 2_000,
        send_timeout_ms: 4_000,
        test_sink: true,
        ..EmailConfig::default()
    }
}

fn channel(relay: &Relay) -> EmailChannel {
    EmailChannel::try_new(&config(relay)).unwrap()
}

fn parcel() -> Parcel {
    testing::parcel(ChannelKind::Mail, "ada@customer.example")
}

async fn relay(script: Script) -> Relay {
    Relay::start(vec![script]).await
}
