//! What a request says, read strictly. Whatever cannot be read is a problem that names field, value and rule.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use schema::{Invalid, Timestamp};
use serde::de::DeserializeOwned;
use url::form_urlencoded::parse;

use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// How deep JSON may be nested.
pub const MAX_JSON_DEPTH: usize = 32;

/// A JSON body, and the bytes it came in.
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &ApiState) -> Result<Self, ApiError> {
        let media = media_type(request.headers());
        if media != "application/json" {
            return Err(unsupported(&media, "must be application/json"));
        }
        let bytes = whole(request.into_body(), api.config.body_limit_bytes).await?;
        let value = from_json(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// The media type of a body, without its parameters.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> String {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = header.and_then(|text| text.split(';').next()).unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// A media type that is not read here.
#[must_use]
pub fn unsupported(media: &str, rule: &str) -> ApiError {
    ApiError::named(Code::UnsupportedMediaType, Invalid::new("Content-Type", media, rule))
}

/// A whole body, if it is not longer than `limit_bytes`.
///
/// # Errors
/// [`Code::TooLarge`], or [`Code::Malformed`] when it broke off.
pub async fn whole(body: Body, limit_bytes: usize) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, limit_bytes).await.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            let (value, rule) = over(limit_bytes as u64);
            return ApiError::named(Code::TooLarge, Invalid::new("body", &value, rule));
        }
        let rule = "must be sent to its end";
        ApiError::named(Code::Malformed, Invalid::new("body", "broken off", rule))
    })
}

/// What is told of something larger than it may be, as value and rule: how large it would have become nobody knows.
#[must_use]
pub fn over(limit_bytes: u64) -> (String, String) {
    (format!("more than {limit_bytes} bytes"), format!("must have at most {limit_bytes} bytes"))
}

/// Reads JSON: bounded depth, no NUL in any text, no field that is not known.
///
/// # Errors
/// [`Code::Malformed`] when it is no JSON; [`Code::Invalid`] naming the field otherwise.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    check_depth(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { told(&path, &worded(&error)).into() } else { no_json(&error) }
    })?;
    reader.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

fn no_json(error: &serde_json::Error) -> ApiError {
    let at = format!("line {} column {}", error.line(), error.column());
    let rule = format!("must be JSON: {}", worded(error));
    ApiError::named(Code::Malformed, Invalid::new("body", &at, rule))
}

/// The error without its place.
fn worded(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// serde's own words carry what a person needs; the place comes from the path. Of a value that is of another kind than
/// it must be only the kind is told: it may be personal.
fn told(path: &str, text: &str) -> Invalid {
    let quoted = text.split('`').nth(1).unwrap_or_default();
    let expected = text.rsplit_once("expected ").map(|(_, expected)| expected);
    if text.starts_with("unknown field") {
        let known = expected.map_or_else(String::new, |known| format!("; expected {known}"));
        return Invalid::new(join(path, quoted), quoted, format!("is not known here{known}"));
    }
    if text.starts_with("missing field") {
        return Invalid::new(join(path, quoted), "", "is missing");
    }
    if text.starts_with("duplicate field") {
        return Invalid::new(join(path, quoted), "", "must be given once");
    }
    let Some(expected) = expected else { return Invalid::new(path, "", text) };
    let rule = format!("must be {expected}");
    if text.starts_with("unknown variant") {
        return Invalid::new(path, quoted, rule);
    }
    let kind = text.split_once(": ").map_or("", |(_, given)| given);
    let kind = kind.split(['`', '"', ',']).next().unwrap_or_default().trim();
    Invalid::new(path, kind, rule)
}

fn join(path: &str, field: &str) -> String {
    match path {
        "." | "" => field.to_owned(),
        _ if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        _ => format!("{path}.{field}"),
    }
}

/// Looks at brackets and escapes only, before anything is built from the bytes.
fn check_depth(bytes: &[u8]) -> Result<(), ApiError> {
    let (mut depth, mut in_text, mut at) = (0_usize, false, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_text => {
                if bytes.get(at + 1..at + 6) == Some(b"u0000") {
                    return Err(Invalid::new("body", "\\u0000", "must not contain NUL").into());
                }
                at += 1;
            }
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_JSON_DEPTH {
            let rule = format!("must not be nested deeper than {MAX_JSON_DEPTH}");
            return Err(Invalid::new("body", &depth.to_string(), rule).into());
        }
        at += 1;
    }
    Ok(())
}

/// The path's parameters.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(value) =
            axum::extract::Path::<T>::from_request_parts(parts, state).await.map_err(|error| {
                let path = parts.uri.path();
                ApiError::named(Code::Malformed, Invalid::new("path", path, error.body_text()))
            })?;
        Ok(Self(value))
    }
}

/// The query's parameters; names nobody knows are refused.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(parse(query.as_bytes()));
        let value = serde_path_to_error::deserialize(pairs).map_err(|error| {
            let path = error.path().to_string();
            wrong_query(&path, &error.into_inner().to_string(), query)
        })?;
        Ok(Self(value))
    }
}

/// What is read as text, such as an address, never comes here: the value told is a number or a yes or no that is none.
fn wrong_query(path: &str, text: &str, query: &str) -> Invalid {
    let invalid = told(path, text);
    if !invalid.value.is_empty() || invalid.rule != text {
        return invalid;
    }
    let value = parse(query.as_bytes()).find(|(name, _)| name == path);
    let value = value.map(|(_, value)| value.into_owned()).unwrap_or_default();
    Invalid::new(path, &value, format!("cannot be read: {text}"))
}

/// An instant somebody wrote.
///
/// # Errors
/// [`Invalid`] naming `field`.
pub fn instant(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Invalid> {
    let named = |invalid: Invalid| Invalid { field: field.to_owned(), ..invalid };
    text.map(|text| text.parse().map_err(named)).transpose()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;

    use super::{Code, from_json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "read by serde")]
        title: String,
        #[expect(dead_code, reason = "read by serde")]
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read by serde")]
        count: u32,
    }

    fn refusal(json: &str) -> (Code, Option<String>) {
        let error = from_json::<Sample>(json.as_bytes()).unwrap_err();
        (error.code, error.field)
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path() {
        let json = r#"{"title":"t","inner":{"count":1,"wrong":2}}"#;
        assert_eq!(refusal(json), (Code::Invalid, Some("inner.wrong".to_owned())));
        assert_eq!(refusal(r#"{"title":"t","x":1}"#), (Code::Invalid, Some("x".to_owned())));
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(refusal("{}"), (Code::Invalid, Some("title".to_owned())));
        let json = r#"{"title":"t","inner":{}}"#;
        assert_eq!(refusal(json), (Code::Invalid, Some("inner.count".to_owned())));
    }

    #[test]
    fn a_value_of_another_kind_is_named() {
        let json = r#"{"title":"t","inner":{"count":"many, expected or not"}}"#;
        let error = from_json::<Sample>(json.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (Code::Invalid, Some("inner.count")));
        assert_eq!(error.value.as_deref(), Some("string"), "its kind, not what it says");
        assert_eq!(error.rule.as_deref(), Some("must be u32"));
        let error = from_json::<Sample>(br#"{"title":4711}"#).unwrap_err();
        assert_eq!(error.value.as_deref(), Some("integer"));
        assert_eq!(error.rule.as_deref(), Some("must be a string"));
        assert!(!error.detail.contains("4711"), "{}", error.detail);
    }

    #[test]
    fn broken_json_is_told_from_wrong_values() {
        let malformed = (Code::Malformed, Some("body".to_owned()));
        assert_eq!(refusal(r#"{"title":"#), malformed);
        assert_eq!(refusal(r#"{"title":"t"} more"#), malformed);
        let error = from_json::<Sample>(br#"{"title":"#).unwrap_err();
        assert_eq!(error.value.as_deref(), Some("line 1 column 9"));
        assert_eq!(error.rule.as_deref(), Some("must be JSON: EOF while parsing a value"));
    }

    #[test]
    fn json_nested_too_deep_is_refused_before_it_is_read() {
        let json = "[".repeat(100_000);
        assert_eq!(refusal(&json), (Code::Invalid, Some("body".to_owned())));
    }

    #[test]
    fn nul_is_refused_and_a_written_out_escape_is_not() {
        assert_eq!(refusal(r#"{"title":"a\u0000"}"#), (Code::Invalid, Some("body".to_owned())));
        assert!(from_json::<Sample>(br#"{"title":"a\\u0000"}"#).is_ok());
    }
}
