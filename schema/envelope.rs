use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{CodecError, Position, Timestamp};

/// An event exactly as it is stored: nothing in it has been understood, so it may be of a newer program.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent<'e> {
    /// Where it stands in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// The kind of its stream.
    pub aggregate_type: &'e str,
    /// Which stream of that kind.
    pub aggregate_id: &'e str,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its name.
    pub event_type: &'e str,
    /// The version it was written with.
    pub event_version: &'e str,
    /// The exact bytes of the metadata.
    pub metadata: &'e str,
}

/// A CloudEvents attribute with its value.
pub type Attribute = (Cow<'static, str>, String);

impl StoredEvent<'_> {
    /// What other systems are told of it besides its payload: the context attributes of CloudEvents 1.0 and, as
    /// extensions, `position`, `sequence` and each value of its metadata (`tenant`, `actor`, …). `source` is the
    /// ledger's: with `id`, the position, it makes the event unique.
    ///
    /// # Errors
    /// [`CodecError::Payload`] when the metadata are no object of texts.
    pub fn attributes(&self, source: &str) -> Result<Vec<Attribute>, CodecError> {
        let metadata: BTreeMap<String, String> =
            serde_json::from_str(self.metadata).map_err(|source| CodecError::Payload {
                event_type: format!("metadata of {}", self.event_type),
                source,
            })?;
        let Self { aggregate_type: kind, event_type: name, event_version: version, .. } = self;
        let own = [
            ("specversion", "1.0".to_owned()),
            ("id", self.position.to_string()),
            ("source", source.to_owned()),
            ("type", format!("waybill.{kind}.{name}.v{version}")),
            ("subject", self.aggregate_id.to_owned()),
            ("time", self.recorded_at.to_string()),
            ("datacontenttype", "application/json".to_owned()),
            ("dataschema", format!("urn:waybill:schema:{kind}:{name}:{version}")),
            ("position", self.position.to_string()),
            ("sequence", self.sequence.to_string()),
        ];
        let own = own.into_iter().map(|(name, value)| (Cow::Borrowed(name), value));
        let more = metadata.into_iter().map(|(name, value)| (Cow::Owned(name), value));
        Ok(own.chain(more).collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails loudly")]

    use super::*;

    const STORED: StoredEvent<'_> = StoredEvent {
        position: Position(7),
        recorded_at: Timestamp::from_unix_micros(1_795_392_000_000_000),
        aggregate_type: "tenant",
        aggregate_id: "acme",
        sequence: 1,
        event_type: "TenantCreated",
        event_version: "1",
        metadata: r#"{"actor":"cli:x","tenant":"acme"}"#,
    };

    #[test]
    fn an_event_is_told_by_the_attributes_of_cloudevents_and_its_own() {
        let told = STORED.attributes("urn:uuid:ledger").unwrap();
        let told: Vec<String> =
            told.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            told,
            [
                "specversion=1.0",
                "id=7",
                "source=urn:uuid:ledger",
                "type=waybill.tenant.TenantCreated.v1",
                "subject=acme",
                "time=2026-11-23T00:00:00.000000Z",
                "datacontenttype=application/json",
                "dataschema=urn:waybill:schema:tenant:TenantCreated:1",
                "position=7",
                "sequence=1",
                "actor=cli:x",
                "tenant=acme",
            ]
        );
    }

    #[test]
    fn metadata_that_are_no_texts_are_refused() {
        let damaged = StoredEvent { metadata: "[]", ..STORED };
        let said = damaged.attributes("s").unwrap_err().to_string();
        assert!(said.starts_with("the payload is no metadata of TenantCreated"), "{said}");
    }
}
