//! Values that JSON spells in its own way.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::v1::AttributeValue;
use crate::v1::attribute_value::Kind;

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Some(Kind::Bool(value)) => serializer.serialize_bool(*value),
            Some(Kind::Int(value)) => serializer.serialize_i64(*value),
            Some(Kind::Text(value)) => serializer.serialize_str(value),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plain).map(|kind| Self { kind: Some(kind) })
    }
}

struct Plain;

impl Visitor<'_> for Plain {
    type Value = Kind;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("true, false, a whole number or a text")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kind, E> {
        i64::try_from(value).map(Kind::Int).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }
}

/// An instant as RFC 3339 text.
pub mod instant {
    use prost_types::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.as_ref().map(ToString::to_string).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::{Delivery, Description, Distribution};

    #[test]
    fn a_description_becomes_the_body_that_rest_takes() {
        let text = concat!(
            r#"{"report":"r","version":"1","attributes":{"a":true,"b":-7,"c":"x"},"#,
            r#""corrects":null,"artifacts":[],"frame":null}"#
        );
        let description: Description = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&description).unwrap(), text);
    }

    #[test]
    fn instants_and_what_is_left_out_are_read() {
        let text = r#"{"delivery":"d","received_at":"2026-11-30T20:00:00.000001Z","latency_us":3}"#;
        let delivery: Delivery = serde_json::from_str(text).unwrap();
        let received = delivery.received_at.unwrap();
        assert_eq!((received.seconds, received.nanos), (1_796_068_800, 1_000));
        assert_eq!((delivery.latency_us, delivery.closed_at), (Some(3), None));
    }

    #[test]
    fn an_attribute_that_is_no_plain_value_is_refused() {
        let read = |value: &str| {
            serde_json::from_str::<Distribution>(&format!(r#"{{"attributes":{{"a":{value}}}}}"#))
        };
        assert!(read("1").is_ok());
        assert!(read("1.5").is_err());
        assert!(read("[1]").is_err());
        assert!(read("18446744073709551615").is_err());
    }
}
