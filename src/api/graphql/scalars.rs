//! Plain values that GraphQL has no name for.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::Utc;
use schema::Timestamp;

/// Largest whole number that every JSON reader keeps exactly: 2⁵³ − 1.
const MAX_EXACT: i64 = 9_007_199_254_740_991;

/// An event's place in the log: a whole number from 0 to 2⁵³ − 1. Positions grow; numbers may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition(pub schema::Position);

/// A whole number from 0 to 2⁵³ − 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub i64);

/// An instant in UTC, written as RFC 3339 with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub serde_json::Value);

/// An event's place in the log: a whole number from 0 to 2⁵³ − 1. Positions grow; numbers may be missing.
#[Scalar(name = "Position")]
impl ScalarType for LogPosition {
    fn parse(value: Value) -> InputValueResult<Self> {
        whole(&value).map(|number| Self(schema::Position(number))).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.0)
    }
}

/// A whole number from 0 to 2⁵³ − 1: GraphQL's own Int ends at 2³¹ − 1.
#[Scalar]
impl ScalarType for Count {
    fn parse(value: Value) -> InputValueResult<Self> {
        whole(&value).map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

fn whole(value: &Value) -> Result<i64, String> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    number
        .filter(|number| (0..=MAX_EXACT).contains(number))
        .ok_or_else(|| format!("must be a whole number from 0 to {MAX_EXACT}"))
}

/// An instant in UTC, written as RFC 3339 with microseconds.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        text.parse()
            .map(Self)
            .map_err(|invalid: schema::Invalid| InputValueError::custom(invalid.rule))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<chrono::DateTime<Utc>> for Instant {
    fn from(at: chrono::DateTime<Utc>) -> Self {
        Self(Timestamp::from(at))
    }
}

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
