//! A resource's version as its last sequence: `ETag: "7"`. What `If-Match` names must be what is changed.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schema::Position;
use serde::Serialize;
use store::{Precondition, Stale};

use crate::error::{ApiError, Code};

/// What the caller believes the resource to be.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum IfMatch {
    /// Nothing was said: whatever it is.
    #[default]
    Any,
    /// `*`: it must exist.
    Exists,
    /// It must be at one of these sequences.
    At(Vec<i64>),
}

impl IfMatch {
    /// Checks the sequence that a decision is made on; 0 when there is nothing yet.
    ///
    /// # Errors
    /// [`Code::Stale`] when it is another.
    pub fn check(&self, sequence: i64) -> Result<(), ApiError> {
        let holds = match self {
            Self::Any => true,
            Self::Exists => sequence > 0,
            Self::At(sequences) => sequences.contains(&sequence),
        };
        if holds { Ok(()) } else { Err(stale(sequence)) }
    }

    /// The same of a resource whose ETag is the position of its last event.
    #[must_use]
    pub fn precondition(&self) -> Precondition {
        match self {
            Self::Any => Precondition::Any,
            Self::Exists => Precondition::Exists,
            Self::At(positions) => {
                Precondition::LastAt(positions.iter().copied().map(Position).collect())
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Exists);
        }
        let one = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        text.split(',').map(one).collect::<Option<Vec<i64>>>().map(Self::At)
    }
}

fn stale(tag: i64) -> ApiError {
    let now = if tag == 0 { "it does not exist".to_owned() } else { format!("it is at \"{tag}\"") };
    let rule = "must name the state it is in";
    let stale = ApiError::new(Code::Stale, format!("If-Match names another state; now {now}"));
    ApiError { value: Some(tag.to_string()), rule: Some(rule.to_owned()), ..stale.at("If-Match") }
}

impl From<Stale> for ApiError {
    fn from(error: Stale) -> Self {
        stale(error.now.0)
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(header) = parts.headers.get(IF_MATCH) else { return Ok(Self::Any) };
        let text = header.to_str().unwrap_or_default();
        Self::parse(text).ok_or_else(|| {
            let rule = "must be * or strong tags as an ETag header gave them, such as \"7\"";
            schema::Invalid::new("If-Match", text, rule).into()
        })
    }
}

/// The header for a sequence.
#[must_use]
pub fn etag(sequence: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{sequence}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// A resource with its version.
#[derive(Debug)]
pub struct Tagged<T> {
    /// Its last sequence.
    pub sequence: i64,
    /// What is told of it.
    pub value: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(ETAG, etag(self.sequence))], Json(self.value)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::IfMatch;

    #[test]
    fn a_tag_is_read_back_as_it_was_given() {
        assert_eq!(IfMatch::parse("\"7\""), Some(IfMatch::At(vec![7])));
        assert_eq!(IfMatch::parse("\"7\", \"9\""), Some(IfMatch::At(vec![7, 9])));
        assert_eq!(IfMatch::parse("*"), Some(IfMatch::Exists));
    }

    #[test]
    fn weak_and_foreign_tags_are_refused() {
        assert_eq!(IfMatch::parse("W/\"7\""), None);
        assert_eq!(IfMatch::parse("seven"), None);
    }

    #[test]
    fn only_the_named_state_may_be_changed() {
        assert!(IfMatch::At(vec![7]).check(7).is_ok());
        assert!(IfMatch::At(vec![7]).check(8).is_err());
        assert!(IfMatch::Exists.check(0).is_err());
        assert!(IfMatch::Any.check(0).is_ok());
    }
}
