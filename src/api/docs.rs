//! The published description: generated from the handlers, completed here by what holds for all of them (keys,
//! problems, headers), checked in under `schema/openapi/` and served with a browser for it, nothing from elsewhere.

use axum::Router;
use axum::http::Method;
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::access::{Access, access, changes};
use crate::error::{Code, PROBLEM_JSON, Problem};
use crate::forms;
use crate::state::ApiState;

/// The frame of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waybill",
        description = "The delivery ledger for reports. Every problem is RFC 9457 JSON with a stable `code`. \
                       Every change answers the `position` from which it can be read; give it as \
                       `at_least_position` to read your own write. `Idempotency-Key` makes a change safe to \
                       repeat, `If-Match` safe against others.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem))
)]
pub(crate) struct Frame;

/// The description, completed.
#[must_use]
pub(crate) fn completed(openapi: &utoipa::openapi::OpenApi) -> Value {
    let mut document = json!(openapi);
    let key = json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "wb_<key>_<secret>",
        "description": "An API key. Each operation names the scope it needs."
    });
    let token = json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "wbr_<token>",
        "description": "A recipient's short-lived token: opens that recipient's own inbox, and nothing else."
    });
    document["components"]["securitySchemes"] = json!({ "api_key": key, "recipient_token": token });
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] =
        json!(Code::ALL.map(Code::as_str));
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                let method =
                    Method::from_bytes(method.to_uppercase().as_bytes()).unwrap_or_default();
                complete(&method, path, operation);
            }
        }
    }
    document
}

fn complete(method: &Method, path: &str, operation: &mut Value) {
    let asked = access(method, path);
    if let Some(Access::Needs(scope) | Access::Own(scope) | Access::Installation(scope)) = asked {
        operation["security"] = json!([{ "api_key": [scope.as_str()] }]);
        if let Some(Access::Own(_)) = asked {
            operation["security"] =
                json!([{ "api_key": [scope.as_str()] }, { "recipient_token": [] }]);
        }
        operation["x-waybill-scope"] = scope.as_str().into();
    }
    let changes = path.starts_with("/v1/") && changes(method, path);
    if changes {
        add_headers(operation, has_state(path));
    }
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    parameters.into_iter().flatten().for_each(forms::complete);
    let with_body = operation.get("requestBody").is_some();
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for code in problems(method, path, asked, changes, with_body) {
        describe(responses, code);
    }
}

/// Whether what a request changes has states that it can be meant for: a file is there or not, which delivery a
/// returned mail is about is not known before it is read, and lists of addresses are many recipients'.
fn has_state(path: &str) -> bool {
    let stateless =
        ["/v1/artifacts", "/v1/mail/returns", "/v1/suppressions", "/v1/suppressions/lift"];
    !stateless.contains(&path)
}

/// What may go wrong, by the kind of request.
fn problems(
    method: &Method,
    path: &str,
    asked: Option<Access>,
    changes: bool,
    with_body: bool,
) -> Vec<Code> {
    let mut codes = vec![Code::Timeout, Code::Internal, Code::Overloaded];
    if ["/v1/", "/u/", "/p/"].iter().any(|own| path.starts_with(own)) {
        codes.extend([Code::Malformed, Code::Invalid, Code::Unavailable]);
    }
    if asked != Some(Access::Public) {
        codes.extend([Code::Unauthenticated, Code::ScopeMissing]);
    }
    if path.starts_with("/v1/") && path.contains('{') || path.ends_with("/resume") {
        codes.push(Code::NotFound);
    }
    if path == "/v1/mail/returns" {
        codes.extend([Code::NotFound, Code::Refused]);
    }
    if changes {
        codes.push(Code::KeyReused);
    }
    if changes && has_state(path) {
        codes.extend([Code::Refused, Code::Stale]);
    }
    if path.ends_with("/files/{name}") {
        codes.push(Code::Refused);
    }
    if path == "/v1/subscriptions/preview" {
        codes.extend([Code::Refused, Code::PositionNotReached]);
    }
    if with_body {
        codes.extend([Code::TooLarge, Code::UnsupportedMediaType]);
    }
    if *method == Method::GET && path.starts_with("/v1/") && path != "/v1/artifacts/{sha256}" {
        codes.push(Code::PositionNotReached);
    }
    if *method == Method::POST && matches!(path, "/v1/reports" | "/v1/artifacts") {
        codes.extend([Code::DigestMismatch, Code::VersionDiffers, Code::StorageFull]);
    }
    codes
}

/// Adds a problem to what an operation may answer; several of one status are told together.
fn describe(responses: &mut Map<String, Value>, code: Code) {
    let status = code.status().as_u16().to_string();
    let told = format!("`{}`: {}", code.as_str(), code.title());
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    let response = responses.entry(status).or_insert_with(|| json!({ "description": "" }));
    response["content"][PROBLEM_JSON] = problem;
    let before = response["description"].as_str().unwrap_or_default().to_owned();
    let together = if before.is_empty() { told } else { format!("{before}; {told}") };
    response["description"] = together.into();
}

fn add_headers(operation: &mut Value, has_state: bool) {
    let header = |name: &str, told: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": told,
            "schema": { "type": "string" }
        })
    };
    let if_match = "The ETag of the state you mean to change; another one is answered 412";
    let headers = [
        Some(header(
            "Idempotency-Key",
            "Your name for this request, 1 to 255 visible ASCII characters: \
            sent again, it gets the first answer, marked `Idempotency-Replayed: true`",
        )),
        has_state.then(|| header("If-Match", if_match)),
        Some(header(
            "traceparent",
            "W3C Trace Context: it goes on into events and outgoing requests",
        )),
    ];
    let parameters = operation
        .as_object_mut()
        .map(|operation| operation.entry("parameters").or_insert_with(|| json!([])));
    if let Some(Value::Array(parameters)) = parameters {
        parameters.extend(headers.into_iter().flatten());
    }
}

/// `/openapi.json`, and a browser for it under `/docs`.
pub(crate) fn routes(document: &Value) -> Router<ApiState> {
    let served = document.clone();
    let browser = SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json"));
    Router::new().route("/openapi.json", get(|| async move { axum::Json(served) })).merge(browser)
}
