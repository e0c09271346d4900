use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::state::ApiState;

/// What was counted, for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((
        status = 200, description = "Counts in Prometheus' text format", body = String, content_type = "text/plain"
    ))
)]
pub async fn metrics(State(api): State<ApiState>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (api.metrics)()).into_response()
}
