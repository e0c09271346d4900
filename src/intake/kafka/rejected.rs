use artifacts::{ArtifactError, ArtifactStore};
use bytes::Bytes;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use schema::{Invalid, TenantId};

use crate::{ReceiveError, checked_traceparent};

/// Longest text of a reason, in bytes.
const MAX_REASON_BYTES: usize = 1_000;
/// Longest name of a field, in bytes.
const MAX_FIELD_BYTES: usize = 200;
/// Longest key that stays with a record whose payload is kept elsewhere, in bytes.
const MAX_KEY_BYTES: usize = 200;

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

/// A rejection as a record of the topic of rejected messages: the original bytes, with the reason beside them.
pub(super) struct Rejected<'m> {
    headers: OwnedHeaders,
    key: Option<&'m [u8]>,
    payload: Option<&'m [u8]>,
}

impl<'m> Rejected<'m> {
    pub(super) fn new(message: &'m OwnedMessage, rejection: &Rejection) -> Self {
        let mut headers = OwnedHeaders::new();
        for (key, value) in [
            ("code", rejection.code),
            ("reason", cut(&rejection.reason, MAX_REASON_BYTES)),
            ("field", cut(&rejection.field, MAX_FIELD_BYTES)),
            ("topic", message.topic()),
            ("partition", message.partition().to_string().as_str()),
            ("offset", message.offset().to_string().as_str()),
        ] {
            headers = with(headers, key, value);
        }
        if let Some(traceparent) = header(message, "traceparent").and_then(checked_traceparent) {
            headers = with(headers, "traceparent", &traceparent);
        }
        Self { headers, key: message.key(), payload: message.payload() }
    }

    /// For a topic that has no room for it: keeps key and payload in the artifact store of the message's tenant, and
    /// names them by digest and size instead. A short key stays.
    pub(super) async fn outsource(
        &mut self,
        store: &ArtifactStore,
        tenant: &TenantId,
    ) -> Result<(), ArtifactError> {
        let short_key = self.key.filter(|key| key.len() <= MAX_KEY_BYTES);
        let long_key = self.key.filter(|_| short_key.is_none());
        let mut headers = self.headers.clone();
        for (name, bytes) in [("key", long_key), ("payload", self.payload)] {
            let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { continue };
            let kept = store.put_whole(tenant, Bytes::copy_from_slice(bytes)).await?;
            headers = with(headers, &format!("{name}_sha256"), &kept.sha256.to_string());
            headers = with(headers, &format!("{name}_size_bytes"), &kept.size_bytes.to_string());
        }
        *self = Self { headers, key: short_key, payload: None };
        Ok(())
    }

    /// Puts it where the sender can look. Durable when this returns.
    pub(super) async fn send(
        &self,
        producer: &FutureProducer,
        topic: &str,
    ) -> Result<(), KafkaError> {
        let record = FutureRecord::<[u8], [u8]> {
            key: self.key,
            payload: self.payload,
            ..FutureRecord::to(topic).headers(self.headers.clone())
        };
        producer.send(record, Timeout::Never).await.map(drop).map_err(|(error, _)| error)
    }
}

/// Whether no later try has more room: the client's own limit, the topic's, or that of its files.
pub(super) fn is_too_large(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{MessageBatchTooLarge, MessageSizeTooLarge};
    matches!(error.rdkafka_error_code(), Some(MessageSizeTooLarge | MessageBatchTooLarge))
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// A header's value, when it is text.
pub(super) fn header<'m>(message: &'m OwnedMessage, key: &str) -> Option<&'m str> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key.eq_ignore_ascii_case(key))?;
    std::str::from_utf8(found.value?).ok()
}
