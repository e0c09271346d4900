use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use schema::Invalid;

use crate::ReceiveError;

/// Longest text of a reason, in bytes.
const MAX_REASON_BYTES: usize = 1_000;

/// Why a message can never be taken.
#[derive(Debug, PartialEq)]
pub(super) struct Rejection {
    /// The kind of error, from a fixed set.
    pub(super) code: &'static str,
    /// The same, for people: names field, value and rule.
    pub(super) reason: String,
    /// Which part of the message is at fault.
    pub(super) field: String,
}

impl From<Invalid> for Rejection {
    fn from(invalid: Invalid) -> Self {
        Self { code: "invalid", reason: invalid.to_string(), field: invalid.field }
    }
}

impl From<&ReceiveError> for Rejection {
    fn from(error: &ReceiveError) -> Self {
        Self {
            code: error.reason(),
            reason: error.to_string(),
            field: error.field().unwrap_or("message").to_owned(),
        }
    }
}

/// Puts the original bytes, with the reason beside them, where the sender can look. Durable when this returns.
pub(super) async fn reject(
    producer: &FutureProducer,
    topic: &str,
    message: &OwnedMessage,
    rejection: &Rejection,
) -> Result<(), KafkaError> {
    let mut reason = rejection.reason.as_str();
    if reason.len() > MAX_REASON_BYTES {
        reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
    }
    let mut headers = OwnedHeaders::new();
    for (key, value) in [
        ("code", rejection.code),
        ("reason", reason),
        ("field", rejection.field.as_str()),
        ("topic", message.topic()),
        ("partition", message.partition().to_string().as_str()),
        ("offset", message.offset().to_string().as_str()),
    ] {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    if let Some(traceparent) = header(message, "traceparent") {
        headers = headers.insert(Header { key: "traceparent", value: Some(traceparent) });
    }
    let mut record = FutureRecord::<[u8], [u8]>::to(topic).headers(headers);
    if let Some(payload) = message.payload() {
        record = record.payload(payload);
    }
    if let Some(key) = message.key() {
        record = record.key(key);
    }
    producer.send(record, Timeout::Never).await.map(drop).map_err(|(error, _)| error)
}

/// A header's value, when it is text.
pub(super) fn header<'m>(message: &'m OwnedMessage, key: &str) -> Option<&'m str> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key.eq_ignore_ascii_case(key))?;
    std::str::from_utf8(found.value?).ok()
}
