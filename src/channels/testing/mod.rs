//! What the tests of this crate share: parcels, certificates, a mail relay that misbehaves on command, a log that
//! remembers. Never part of the product.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod certificate;
mod http;
mod log;
mod relay;
mod sink;

use std::sync::Arc;

use bytes::Bytes;
use schema::{
    Attachment, AttributeValue, ChannelKind, DeliveryId, DistributionId, Format, OnTimeUrls,
    Parcel, RecipientId, ReportName, Sha256, TenantId, Timestamp, VersionName, WebhookKeys,
};
use secrecy::SecretString;

pub use certificate::Certified;
pub use http::{Answer, Receiver, Request};
pub use log::captured;
pub use relay::{Relay, Script};
pub use sink::fast_sink;

/// Deterministic, so that tests can compare: a parcel on `channel` to `address`.
pub fn parcel(channel: ChannelKind, address: &str) -> Parcel {
    let tenant = TenantId::try_new("acme").unwrap();
    let report = ReportName::try_new("market-risk-daily").unwrap();
    let version = VersionName::try_new("2026-11-23").unwrap();
    let recipient = RecipientId::try_new("r-17").unwrap();
    let received_at: Timestamp = "2026-11-23T06:30:00Z".parse().unwrap();
    let distribution = DistributionId::of(&tenant, &report, &version);
    let region = ("region".to_owned(), AttributeValue::Text("emea".to_owned()));
    Parcel {
        delivery: DeliveryId::of(distribution, received_at, &recipient, channel, 0),
        attempt: 1,
        channel,
        tenant,
        address: SecretString::from(address.to_owned()),
        webhook: Some(Arc::new(WebhookKeys::of_secret(SecretString::from(SECRET.to_owned())))),
        recipient_name: Some(SecretString::from("Ada Lovelace".to_owned())),
        recipient: "r-17".to_owned(),
        locale: "en".to_owned(),
        report,
        title: "Market risk, daily".to_owned(),
        version,
        received_at,
        attributes: [region].into(),
        attachments: vec![attachment("risk.csv", Format::Csv, b"desk,var\nrates,12\n".as_slice())],
        unsubscribe_url: Some("https://waybill.example/u/abc".to_owned()),
        preferences_url: Some("https://waybill.example/p/abc".to_owned()),
        return_mark: Some("aebagbafaydqqcikbmga2dqpcaireeyuculbogaz".to_owned()),
        on_time_urls: Some(OnTimeUrls {
            on_time: "https://waybill.example/t/yes".to_owned(),
            late: "https://waybill.example/t/no".to_owned(),
        }),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

/// A valid signing secret.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn attachment(name: &str, format: Format, content: impl Into<Bytes>) -> Attachment {
    let content = content.into();
    Attachment { name: name.to_owned(), format, sha256: Sha256::of(&content), content }
}

/// Bytes that no compression or pattern makes special.
pub fn noise(size_bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size_bytes).collect()
}
