use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::upcast;
use crate::AggregateType;

/// Why stored bytes are not an event, or an event cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer program.
    #[error("{aggregate_type} event {event_type} version {version} is unknown to this program")]
    Unknown {
        /// Kind of stream.
        aggregate_type: AggregateType,
        /// Name of the event.
        event_type: String,
        /// Its version.
        version: String,
    },
    /// The bytes are not what the name says.
    #[error("the payload is no {event_type}: {source}")]
    Payload {
        /// Name of the event.
        event_type: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// Postgres cannot hold it in every type, so no text may contain it.
    #[error("a text in {event_type} contains NUL")]
    Nul {
        /// Name of the event.
        event_type: &'static str,
    },
}

/// The events of one kind of stream. Every variant has named fields or one struct, so that the stored payload is always
/// a JSON object: the body alone, its name beside it in `event_type`.
pub trait EventBody:
    Serialize + DeserializeOwned + Clone + PartialEq + fmt::Debug + Send + Sync
{
    /// The kind of stream.
    const AGGREGATE_TYPE: AggregateType;

    /// The event's name: the variant's.
    fn event_type(&self) -> &'static str;

    /// The version it is written with.
    fn event_version(&self) -> &'static str {
        "1"
    }

    /// The payload as it is stored.
    ///
    /// # Errors
    /// [`CodecError::Nul`] when a text in it contains NUL.
    fn encode(&self) -> Result<String, CodecError> {
        let event_type = self.event_type();
        let mut text = serde_json::to_string(self)
            .map_err(|source| CodecError::Payload { event_type: event_type.to_owned(), source })?;
        if has_nul(&text) {
            return Err(CodecError::Nul { event_type });
        }
        // `{"Name":BODY}` → BODY
        text.pop();
        text.drain(..event_type.len() + 4);
        Ok(text)
    }

    /// Reads a stored payload back, older versions included.
    ///
    /// # Errors
    /// [`CodecError`] when the type or version is newer than this program, or the bytes are not that event.
    fn decode(event_type: &str, version: &str, payload: &str) -> Result<Self, CodecError> {
        let unknown = || CodecError::Unknown {
            aggregate_type: Self::AGGREGATE_TYPE,
            event_type: event_type.to_owned(),
            version: version.to_owned(),
        };
        let payload = upcast::to_current(Self::AGGREGATE_TYPE, event_type, version, payload)
            .ok_or_else(unknown)?;
        serde_json::from_str(&format!("{{\"{event_type}\":{payload}}}")).map_err(|source| {
            if source.to_string().starts_with("unknown variant") {
                return unknown();
            }
            CodecError::Payload { event_type: event_type.to_owned(), source }
        })
    }
}

fn has_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find("\\u0000") {
        let escapes = rest[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if escapes % 2 == 0 {
            return true;
        }
        rest = &rest[at + 6..];
    }
    false
}
