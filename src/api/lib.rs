//! The front door: REST, its description, and what operators look at. Every request is authenticated, bounded, read
//! strictly, handed to the room that decides, and answered with the position from which its effect can be read.
//!
//! This crate does not know how a report is sent, and holds no rule of the domain.

#![warn(missing_docs)]

mod access;
mod auth;
mod carry_out;
mod change;
mod clock;
mod config;
mod docs;
mod entries;
mod error;
mod etag;
mod extract;
mod figures;
mod forms;
pub mod graphql;
mod grpc;
mod held;
mod known;
mod lifetime;
mod limited;
mod limits;
mod minted;
mod ops;
mod outcome;
mod position;
mod received;
mod refusals;
mod rest;
mod sealing;
mod serve;
mod sign_in;
mod state;
mod tls;
mod trace;
pub mod walls;

pub use access::{ACCESS, Access, access, changes};
pub use auth::{Caller, Holder, KEY_PREFIX};
pub use config::{ApiConfig, InboxConfig};
pub use error::{ApiError, Code, Problem};
pub use minted::MintedKey;
pub use ops::{is_ready, ops_router};
pub use serve::serve;
pub use sign_in::TOKEN_PREFIX;
pub use state::{ApiParts, ApiState, RenderMetrics};
pub use tls::Tls;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Everything the API answers, behind its layers.
pub fn router(api: ApiState) -> Router {
    let (routes, openapi) = described().split_for_parts();
    let limits = limits::Limits::new(&api.config);
    let config = api.config.clone();
    let rest = routes
        .merge(docs::routes(&docs::completed(&openapi)))
        .merge(graphql::routes(limits.places()))
        .fallback(not_found)
        .route_layer(from_fn_with_state(api.clone(), held::refuse))
        .route_layer(from_fn_with_state(api.clone(), auth::guard))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(limits, limits::hold))
        .layer(from_fn(trace::access_log))
        .with_state(api);
    grpc::over(rest, &config)
}

/// The description of the API, as it is served and checked in.
#[must_use]
pub fn openapi() -> Value {
    docs::completed(&described().into_openapi())
}

fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(docs::Frame::openapi()).merge(rest::routes()).merge(ops::routes())
}

async fn not_found() -> impl IntoResponse {
    ApiError::new(Code::NotFound, "no such path; /docs describes those there are")
}
