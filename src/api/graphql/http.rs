use std::sync::Arc;

use async_graphql::{Request, Response as Answer, Variables};
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schema::Position;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::WaybillSchema;
use super::fault::{Fault, FaultCode};
use super::limits::{ANSWER_TIMEOUT, MAX_BODY_BYTES, MAX_SOCKETS};
use super::session::{Session, too_slow};
use super::socket::Strangers;
use crate::auth::{Caller, authenticate};
use crate::extract::from_json;
use crate::position::{AT_LEAST, AtLeast};
use crate::state::ApiState;

/// What both doors share.
#[derive(Clone)]
pub(super) struct GraphQl {
    pub schema: WaybillSchema,
    /// Places for WebSockets whose key is known.
    pub sockets: Arc<Semaphore>,
    /// WebSockets whose key is not yet known.
    pub strangers: Arc<Strangers>,
    /// Places for requests under way.
    pub places: Arc<Semaphore>,
}

impl GraphQl {
    pub fn new(schema: WaybillSchema, places: Arc<Semaphore>) -> Self {
        let (sockets, strangers) = (Arc::new(Semaphore::new(MAX_SOCKETS)), Arc::default());
        Self { schema, sockets, strangers, places }
    }
}

/// One operation, as the GraphQL-over-HTTP specification spells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

/// Extensions of a request that are understood here; others are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    at_least_position: Option<i64>,
}

impl Operation {
    /// The operation, asked by `caller`; `places` when the request that brings it has none of its own.
    ///
    /// # Errors
    /// Bad input when the position is none.
    pub fn asked_by(
        self,
        api: &ApiState,
        caller: Caller,
        header: AtLeast,
        places: Option<Arc<Semaphore>>,
    ) -> Result<Request, Fault> {
        let named = self.extensions.unwrap_or_default().at_least_position;
        if named.is_some_and(|position| position < 0) {
            return Err(Fault::bad_input("extensions.atLeastPosition must be 0 or more"));
        }
        let at_least = AtLeast(named.map(Position).max(header.0));
        let variables = self.variables.map(serde_json::Value::Object).unwrap_or_default();
        let mut request = Request::new(self.query)
            .variables(Variables::from_json(variables))
            .data(Session::new(api, caller, at_least, places));
        request.operation_name = self.operation_name;
        Ok(request)
    }
}

/// `POST /graphql`.
pub(super) async fn answer(
    State(api): State<ApiState>,
    Extension(graphql): Extension<GraphQl>,
    request: HttpRequest,
) -> Response {
    match asked(&api, request).await {
        Ok(request) => match timeout(ANSWER_TIMEOUT, graphql.schema.execute(request)).await {
            Ok(answer) => told(StatusCode::OK, &answer),
            Err(_) => refused(too_slow(ANSWER_TIMEOUT)),
        },
        Err(fault) => refused(fault),
    }
}

fn refused(fault: Fault) -> Response {
    let status = status_of(fault.code);
    told(status, &Answer::from_errors(vec![fault.into_server_error()]))
}

/// The key first: nobody's body is read before.
async fn asked(api: &ApiState, request: HttpRequest) -> Result<Request, Fault> {
    let (head, body) = request.into_parts();
    let caller = authenticate(api, &head.headers)?;
    let at_least = at_least(&head.headers)?;
    if !is_json(&head.headers) {
        return Err(Fault::bad_input("the Content-Type must be application/json"));
    }
    operation(body).await?.asked_by(api, caller, at_least, None)
}

async fn operation(body: Body) -> Result<Operation, Fault> {
    let too_long =
        |_| Fault::bad_input(format!("the body must have at most {MAX_BODY_BYTES} bytes"));
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(too_long)?;
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Fault::bad_input("one operation at a time: a batch is not answered"));
    }
    Ok(from_json(&bytes)?)
}

fn at_least(headers: &HeaderMap) -> Result<AtLeast, Fault> {
    let Some(value) = headers.get(HeaderName::from_static(AT_LEAST)) else {
        return Ok(AtLeast(None));
    };
    let position =
        value.to_str().ok().and_then(|text| text.parse().ok()).filter(|position| *position >= 0);
    let wrong = || Fault::bad_input(format!("the header {AT_LEAST} must be a position"));
    Ok(AtLeast(Some(Position(position.ok_or_else(wrong)?))))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

/// The status of a request that did not come to be executed. One that did is answered 200, as the specification has it.
const fn status_of(code: FaultCode) -> StatusCode {
    match code {
        FaultCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        FaultCode::Forbidden => StatusCode::FORBIDDEN,
        FaultCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FaultCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        FaultCode::BadInput
        | FaultCode::NotFound
        | FaultCode::TooComplex
        | FaultCode::PositionNotReached
        | FaultCode::SlowConsumer => StatusCode::BAD_REQUEST,
    }
}

fn told(status: StatusCode, answer: &Answer) -> Response {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waybill\""));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
