//! What a caller is told of a change that was made, as it is answered now and kept for whoever asks again.

use axum::Json;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schema::{Position, StreamId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::etag::etag;

/// The header that names the position at which a change can be read.
pub const POSITION: HeaderName = HeaderName::from_static("waybill-position");
/// The header that marks the answer to a repeated request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What is kept in the command log. No secret is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// 200, 201 or 202.
    pub status: u16,
    /// Which stream was changed, as `type` and `id`.
    pub stream: (schema::AggregateType, String),
    /// Its last sequence then, where the resource's ETag is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// Where the resource is, when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The answer, without its position.
    pub body: Map<String, Value>,
}

impl Outcome {
    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The stream that was changed.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        let (aggregate_type, aggregate_id) = self.stream.clone();
        StreamId { aggregate_type, aggregate_id }
    }
}

/// A change that was made, ready to be answered.
#[derive(Debug)]
pub struct Done {
    /// What the caller is told.
    pub outcome: Outcome,
    /// Where it can be read from.
    pub position: Position,
    /// Whether it had been made by an earlier request of the same key.
    pub replayed: bool,
    /// Shown to the first caller and to nobody after it.
    pub secret: Option<SecretString>,
}

impl Done {
    /// Shows a secret, unless the change had been made before.
    #[must_use]
    pub fn showing(mut self, secret: Option<SecretString>) -> Self {
        self.secret = secret.filter(|_| !self.replayed);
        self
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let Outcome { status, sequence, location, mut body, .. } = self.outcome;
        if let Some(sequence) = sequence {
            body.insert("sequence".to_owned(), sequence.into());
        }
        body.insert("position".to_owned(), self.position.0.into());
        if let Some(secret) = &self.secret {
            body.insert("secret".to_owned(), secret.expose_secret().into());
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(sequence) = sequence {
            headers.insert(ETAG, etag(sequence));
        }
        headers.insert(POSITION, HeaderValue::from(self.position.0));
        if let Some(location) = location.and_then(|path| HeaderValue::try_from(path).ok()) {
            headers.insert(LOCATION, location);
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if self.secret.is_some() {
            headers.insert("cache-control", HeaderValue::from_static("no-store"));
        }
        response
    }
}

/// The answer to a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changed {
    /// The resource's last sequence: the ETag's number.
    pub sequence: i64,
    /// The position from which it can be read: give it as `at_least_position`.
    pub position: i64,
    /// What was changed, by its own names: `report`, `recipient`, `subscription`, ….
    #[serde(flatten)]
    pub names: Map<String, Value>,
}

/// The answer to an order that another room carried out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ordered {
    /// The position from which it can be read: give it as `at_least_position`.
    pub position: i64,
    /// What it was about, by its own names: `delivery`, `distribution`, ….
    #[serde(flatten)]
    pub names: Map<String, Value>,
}

/// An answer that names one thing.
#[must_use]
pub fn answer(what: &str, id: &str) -> Map<String, Value> {
    Map::from_iter([(what.to_owned(), id.into())])
}

/// Why something is ended.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One line of 1 to 500 bytes; `requested` when absent.
    reason: Option<String>,
}

impl Reason {
    /// The reason, or `requested`.
    #[must_use]
    pub fn text(&self) -> &str {
        self.reason.as_deref().unwrap_or("requested")
    }
}
