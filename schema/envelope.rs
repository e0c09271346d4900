use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{CodecError, Invalid, Position, Timestamp};

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

impl StoredEvent<'_> {
    /// What the published schema of an event's payload is called: its `$id`.
    #[must_use]
    pub fn schema_name(kind: &str, event_type: &str, event_version: &str) -> String {
        format!("urn:waybill:schema:{kind}:{event_type}:{event_version}")
    }

    /// Tells name and value of what other systems learn of it besides its payload: the context attributes of
    /// CloudEvents 1.0 and, as extensions, `position`, `sequence` and each value of its metadata (`tenant`, `actor`,
    /// …). `source` is the ledger's: with `id`, the position, it makes the event unique.
    ///
    /// # Errors
    /// [`CodecError::Payload`] when the metadata are no object of texts.
    pub fn tell(&self, source: &str, mut told: impl FnMut(&str, &str)) -> Result<(), CodecError> {
        let metadata: BTreeMap<Text<'_>, Text<'_>> =
            serde_json::from_str(self.metadata).map_err(|source| CodecError::Payload {
                event_type: format!("metadata of {}", self.event_type),
                source,
            })?;
        let Self { aggregate_type: kind, event_type: name, event_version: version, .. } = self;
        let position = self.position.to_string();
        told("specversion", "1.0");
        told("id", &position);
        told("source", source);
        told("type", &format!("waybill.{kind}.{name}.v{version}"));
        told("subject", self.aggregate_id);
        told("time", &self.recorded_at.to_string());
        told("datacontenttype", "application/json");
        told("dataschema", &Self::schema_name(kind, name, version));
        told("position", &position);
        told("sequence", &self.sequence.to_string());
        metadata.iter().for_each(|(name, value)| told(&name.0, &value.0));
        Ok(())
    }

    /// What [`StoredEvent::tell`] tells, in its order.
    ///
    /// # Errors
    /// As there.
    pub fn attributes(&self, source: &str) -> Result<Vec<(String, String)>, CodecError> {
        let mut told = Vec::new();
        self.tell(source, |name, value| told.push((name.to_owned(), value.to_owned())))?;
        Ok(told)
    }
}

/// A text of JSON, where it stands wherever it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// An event as others were told of it, its payload apart: what [`StoredEvent::tell`] tells, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldEvent {
    /// Which ledger's it is.
    pub source: String,
    /// Where it stands in the log.
    pub position: Position,
    /// When the database took it.
    pub recorded_at: Timestamp,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Which stream of that kind.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its name.
    pub event_type: String,
    /// The version it was written with.
    pub event_version: String,
    /// The metadata, byte for byte as they are stored.
    pub metadata: String,
}

impl ToldEvent {
    /// Reads attributes by name.
    ///
    /// # Errors
    /// [`Invalid`] naming the attribute that is missing or says what none of this ledger's would.
    pub fn read(mut told: BTreeMap<String, String>) -> Result<Self, Invalid> {
        let mut take =
            |name: &str| told.remove(name).ok_or_else(|| Invalid::new(name, "", "must be there"));
        let (source, aggregate_id) = (take("source")?, take("subject")?);
        let (position, sequence) = (take("position")?, take("sequence")?);
        let (recorded_at, name) = (take("time")?, take("type")?);
        for unused in ["specversion", "id", "datacontenttype", "dataschema"] {
            take(unused)?;
        }
        let parts = name.strip_prefix("waybill.").and_then(|name| {
            let (kind, name) = name.split_once('.')?;
            let (name, version) = name.rsplit_once(".v")?;
            Some((kind.to_owned(), name.to_owned(), version.to_owned()))
        });
        let rule = "must be waybill.<kind>.<event>.v<version>";
        let (aggregate_type, event_type, event_version) =
            parts.ok_or_else(|| Invalid::new("type", &name, rule))?;
        let metadata = serde_json::to_string(&told)
            .map_err(|error| Invalid::new("metadata", "", error.to_string()))?;
        Ok(Self {
            source,
            position: Position(whole("position", &position)?),
            recorded_at: recorded_at.parse()?,
            aggregate_type,
            aggregate_id,
            sequence: whole("sequence", &sequence)?,
            event_type,
            event_version,
            metadata,
        })
    }

    /// The event as it is stored.
    #[must_use]
    pub fn stored(&self) -> StoredEvent<'_> {
        StoredEvent {
            position: self.position,
            recorded_at: self.recorded_at,
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence,
            event_type: &self.event_type,
            event_version: &self.event_version,
            metadata: &self.metadata,
        }
    }
}

fn whole(name: &str, text: &str) -> Result<i64, Invalid> {
    text.parse().map_err(|_| Invalid::new(name, text, "must be a whole number"))
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
        let told: Vec<_> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
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

    #[test]
    fn what_was_told_is_read_back_byte_for_byte() {
        let told = STORED.attributes("urn:uuid:ledger").unwrap();
        let told: BTreeMap<String, String> = told.into_iter().collect();
        let read = ToldEvent::read(told.clone()).unwrap();
        assert_eq!(read.source, "urn:uuid:ledger");
        assert_eq!(format!("{:?}", read.stored()), format!("{STORED:?}"));
        for (name, value) in [("type", "other"), ("position", "x"), ("time", "noon")] {
            let mut wrong = told.clone();
            wrong.insert(name.to_owned(), value.to_owned());
            let refused = ToldEvent::read(wrong).unwrap_err();
            assert_eq!(refused.value, value);
        }
        let mut less = told;
        less.remove("subject");
        assert_eq!(ToldEvent::read(less).unwrap_err().to_string(), "subject: \"\" must be there");
    }
}
