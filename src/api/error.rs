//! The only place where a status is chosen. Every answer that is not a success is an RFC 9457 problem built here.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schema::Invalid;
use schema::events::Scope;
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How long a caller is asked to wait before it tries again what could not be done now, in seconds.
pub(crate) const RETRY_AFTER_S: u64 = 1;

/// Refusals that say: there is no such thing.
const MISSING: [&str; 9] = [
    "report_not_registered",
    "recipient_not_registered",
    "group_not_created",
    "no_such_address",
    "no_such_grant",
    "not_subscribed",
    "key_not_issued",
    "version_not_received",
    "delivery_not_scheduled",
];

/// What kind of problem it is. The names are part of the API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is not what its form promises: broken JSON, truncated multipart, a header that is no header.
    Malformed,
    /// No key, or one that is unknown, wrong, expired or revoked.
    Unauthenticated,
    /// The key may not do this.
    ScopeMissing,
    /// There is no such thing, or it is another tenant's.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The request took too long to arrive or to be carried out.
    Timeout,
    /// A rule refuses it in the state that things are in.
    Refused,
    /// This version was published before with another content.
    VersionDiffers,
    /// If-Match names a state that is past.
    Stale,
    /// More bytes than the limit.
    TooLarge,
    /// Not a media type this path reads.
    UnsupportedMediaType,
    /// A value breaks a rule of form.
    Invalid,
    /// Bytes are not those their digest names.
    DigestMismatch,
    /// The Idempotency-Key was used before for another request.
    KeyReused,
    /// A defect of Waybill.
    Internal,
    /// Something Waybill needs is not there: nothing was done.
    Unavailable,
    /// Too many requests are under way: nothing was done.
    Overloaded,
    /// The read model had not reached the position in time.
    PositionNotReached,
    /// No room is left for the bytes.
    StorageFull,
}

impl Code {
    /// All codes there are.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::ScopeMissing,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Refused,
        Self::VersionDiffers,
        Self::Stale,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::DigestMismatch,
        Self::KeyReused,
        Self::Internal,
        Self::Unavailable,
        Self::Overloaded,
        Self::PositionNotReached,
        Self::StorageFull,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// Its status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().1
    }

    /// One sentence that is the same for every problem of this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// Its status in gRPC.
    #[must_use]
    pub(crate) const fn grpc(self) -> tonic::Code {
        match self {
            Self::Malformed
            | Self::UnsupportedMediaType
            | Self::Invalid
            | Self::DigestMismatch
            | Self::KeyReused => tonic::Code::InvalidArgument,
            Self::Unauthenticated => tonic::Code::Unauthenticated,
            Self::ScopeMissing => tonic::Code::PermissionDenied,
            Self::NotFound => tonic::Code::NotFound,
            Self::MethodNotAllowed => tonic::Code::Unimplemented,
            Self::Timeout | Self::PositionNotReached => tonic::Code::DeadlineExceeded,
            Self::Refused => tonic::Code::FailedPrecondition,
            Self::VersionDiffers => tonic::Code::AlreadyExists,
            Self::Stale => tonic::Code::Aborted,
            Self::TooLarge | Self::StorageFull => tonic::Code::ResourceExhausted,
            Self::Internal => tonic::Code::Internal,
            Self::Unavailable | Self::Overloaded => tonic::Code::Unavailable,
        }
    }

    /// Whether it is worth asking again soon.
    #[must_use]
    pub(crate) const fn passes(self) -> bool {
        matches!(self, Self::Unavailable | Self::Overloaded | Self::PositionNotReached)
    }

    #[rustfmt::skip]
    const fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request cannot be read"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "A valid API key is needed"),
            Self::ScopeMissing => ("scope_missing", StatusCode::FORBIDDEN, "The API key may not do this"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The path knows other methods",
            ),
            Self::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long"),
            Self::Refused => ("refused", StatusCode::CONFLICT, "A rule refuses it"),
            Self::VersionDiffers => (
                "version_differs",
                StatusCode::CONFLICT,
                "This version was published with another content",
            ),
            Self::Stale => ("stale", StatusCode::PRECONDITION_FAILED, "It has changed since"),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The media type is not read here",
            ),
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "A value breaks a rule"),
            Self::DigestMismatch => (
                "digest_mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The bytes are not those named",
            ),
            Self::KeyReused => (
                "idempotency_key_reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key stands for another request",
            ),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Waybill has a defect"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "It cannot be done now"),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "Too many requests are under way"),
            Self::PositionNotReached => (
                "position_not_reached",
                StatusCode::GATEWAY_TIMEOUT,
                "What was written is not yet readable",
            ),
            Self::StorageFull => ("storage_full", StatusCode::INSUFFICIENT_STORAGE, "No room is left"),
        }
    }
}

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// What kind of problem.
    pub code: Code,
    /// What happened this time, for a person.
    pub detail: String,
    /// Which field of the request.
    pub field: Option<String>,
    /// What was given there.
    pub value: Option<String>,
    /// The rule it breaks: for [`Code::Invalid`] as the end of a sentence, for [`Code::Refused`] a stable name.
    pub rule: Option<String>,
}

impl ApiError {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None, value: None, rule: None }
    }

    /// A value that breaks a rule, as a problem of this kind.
    #[must_use]
    pub fn named(code: Code, invalid: Invalid) -> Self {
        Self { code, ..invalid.into() }
    }

    /// There is no such thing, as far as this caller may know.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {id:?}"))
    }

    /// A rule of the domain refuses it; `rule` is its stable name.
    #[must_use]
    pub fn refused(rule: &str, detail: String) -> Self {
        let code = match rule {
            "version_differs" => Code::VersionDiffers,
            rule if MISSING.contains(&rule) => Code::NotFound,
            _ => Code::Refused,
        };
        Self { rule: Some(rule.to_owned()), ..Self::new(code, detail) }
    }

    /// The key lacks `scope`.
    #[must_use]
    pub fn scope_missing(scope: Scope) -> Self {
        let name = scope.as_str();
        Self {
            rule: Some(name.to_owned()),
            ..Self::new(Code::ScopeMissing, format!("the API key lacks the scope {name:?}"))
        }
    }

    /// The same problem, told of `field`.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self {
            code: Code::Invalid,
            detail: invalid.to_string(),
            field: Some(invalid.field),
            value: Some(invalid.value),
            rule: Some(invalid.rule),
        }
    }
}

/// A problem as RFC 9457 spells it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:waybill:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:waybill:problem:invalid")]
    pub kind: String,
    /// One sentence that is the same for every problem of this kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The stable name of this kind.
    #[schema(example = "invalid")]
    pub code: &'static str,
    /// Which field of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was given there, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The rule it breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self {
            kind: format!("urn:waybill:problem:{}", error.code.as_str()),
            title: error.code.title(),
            status: error.code.status().as_u16(),
            detail: error.detail,
            code: error.code.as_str(),
            field: error.field,
            value: error.value,
            rule: error.rule,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.code;
        let mut response = (code.status(), Json(Problem::from(self.clone()))).into_response();
        // For whoever tells it in another form.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waybill\""));
        }
        if code.passes() {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }
}

/// An answer for people instead of a problem, with the status of its kind.
pub(crate) fn with_status(code: Code, mut response: Response) -> Response {
    *response.status_mut() = code.status();
    response
}
