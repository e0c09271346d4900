use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Builder;
use axum::http::{Method, Request, Response as HttpResponse};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schema::Invalid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Response, Status};
use tower::ServiceExt;

use crate::change::IDEMPOTENCY_KEY;
use crate::error::{ApiError, Code};
use crate::outcome::REPLAYED;
use crate::position::AT_LEAST;

const AUTHORIZATION: &str = "authorization";
/// What of a call's metadata goes on as headers.
const PASSED_ON: [&str; 6] =
    [AUTHORIZATION, IDEMPOTENCY_KEY, "if-match", AT_LEAST, "traceparent", "tracestate"];
/// Longest answer that is read, in bytes: a page of 200 rows takes a fraction.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Where gRPC enters REST.
#[derive(Clone)]
pub(super) struct Door {
    rest: Router,
}

impl Door {
    pub(super) const fn new(rest: Router) -> Self {
        Self { rest }
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// REST's problem.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        metadata: &MetadataMap,
    ) -> Result<Response<T>, Status> {
        let request = passing_on(Request::get(path), metadata, &PASSED_ON).body(Body::empty());
        self.asked(request.map_err(malformed)?).await
    }

    /// Reads a list; what `which` leaves out narrows nothing.
    ///
    /// # Errors
    /// REST's problem.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        which: &impl Serialize,
        metadata: &MetadataMap,
    ) -> Result<Response<T>, Status> {
        let query = serde_urlencoded::to_string(which).map_err(malformed)?;
        self.get(&format!("{path}?{query}"), metadata).await
    }

    /// Changes something.
    ///
    /// # Errors
    /// REST's problem.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        metadata: &MetadataMap,
    ) -> Result<Response<T>, Status> {
        let body = serde_json::to_vec(body).map_err(malformed)?;
        let request = passing_on(Request::post(path), metadata, &PASSED_ON)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body));
        self.asked(request.map_err(malformed)?).await
    }

    /// Uploads a file. It has no Idempotency-Key of its own: its bytes name it.
    ///
    /// # Errors
    /// REST's problem.
    pub(super) async fn upload<T: DeserializeOwned>(
        &self,
        content: Body,
        sha256: Option<&str>,
        metadata: &MetadataMap,
    ) -> Result<T, Status> {
        let plain = Request::post("/v1/artifacts");
        let mut request = passing_on(plain, metadata, &[AUTHORIZATION, "traceparent"]);
        if let Some(sha256) = sha256 {
            request = request.header("x-content-sha256", sha256);
        }
        let request = request.body(content).map_err(malformed)?;
        self.asked(request).await.map(Response::into_inner)
    }

    /// Whether a resource is answered with success, whatever it says.
    pub(super) async fn is_well(&self, path: &str) -> bool {
        let request = Request::builder().method(Method::GET).uri(path).body(Body::empty());
        match request {
            Ok(request) => self.answer(request).await.status().is_success(),
            Err(_) => false,
        }
    }

    async fn answer(&self, request: Request<Body>) -> HttpResponse<Body> {
        let answered: Result<_, Infallible> = self.rest.clone().oneshot(request).await;
        let Ok(response) = answered;
        response
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        request: Request<Body>,
    ) -> Result<Response<T>, Status> {
        let (mut parts, body) = self.answer(request).await.into_parts();
        if let Some(problem) = parts.extensions.remove::<ApiError>() {
            return Err(problem.into());
        }
        let unread = |why: &str| {
            let detail = format!("REST's answer {} cannot be told: {why}", parts.status);
            Status::from(ApiError::new(Code::Internal, detail))
        };
        if !parts.status.is_success() {
            return Err(unread("it names no problem"));
        }
        let bytes = to_bytes(body, MAX_ANSWER_BYTES).await.map_err(|e| unread(&e.to_string()))?;
        let message = serde_json::from_slice(&bytes).map_err(|e| unread(&e.to_string()))?;
        let mut response = Response::new(message);
        if parts.headers.contains_key(REPLAYED) {
            let replayed = MetadataValue::from_static("true");
            response.metadata_mut().insert("idempotency-replayed", replayed);
        }
        Ok(response)
    }
}

/// A name as a segment of a path, whatever it is.
///
/// # Errors
/// `INVALID_ARGUMENT` when there is none: the path would be another one.
pub(super) fn segment(field: &str, name: &str) -> Result<String, Status> {
    if name.is_empty() {
        return Err(ApiError::from(Invalid::new(field, name, "must be given")).into());
    }
    Ok(utf8_percent_encode(name, NON_ALPHANUMERIC).to_string())
}

fn passing_on(mut request: Builder, metadata: &MetadataMap, names: &[&str]) -> Builder {
    for name in names {
        for value in metadata.get_all(*name) {
            request = request.header(*name, value.as_encoded_bytes());
        }
    }
    request
}

fn malformed(error: impl std::fmt::Display) -> Status {
    ApiError::new(Code::Malformed, format!("the call cannot be read: {error}")).into()
}
