use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use schema::RecipientId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::lifetime::ends;
use crate::sign_in::{Pass, issue};
use crate::state::ApiState;

/// Longest time a token may hold, in seconds.
const MAX_TTL_S: u32 = 24 * 60 * 60;

/// How long the recipient may stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Seconds for which the token holds, 1 to 86,400; 900 when absent.
    #[schema(minimum = 1, maximum = 86_400)]
    ttl_s: Option<u32>,
}

/// A token, in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// To be sent as `Authorization: Bearer <token>`.
    #[schema(example = "wbr_YWNtZS9hZGEvMTc5NTM5MjAwMDAwMDAwMA.c2lnbmF0dXJl")]
    token: String,
    /// Who signs in by it.
    recipient: String,
    /// Until when it holds (exclusive).
    expires_at: DateTime<Utc>,
}

/// Sign a recipient in
///
/// Whoever has the token sees and marks this recipient's inbox, by REST, GraphQL and WebSocket, and nothing else. It is
/// kept nowhere and cannot be taken back before it expires; a retired recipient's no longer holds.
#[utoipa::path(
    post, path = "/v1/recipients/{recipient}/tokens", tag = "recipients",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient")),
    request_body = SignIn,
    responses((status = 201, description = "Signed in", body = Token))
)]
pub async fn sign_in_recipient(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    caller: Caller,
    body: JsonBody<SignIn>,
) -> Result<Response, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let ttl_s = body.value.ttl_s;
    let expires_at = ends(&api, &caller.tenant, &recipient, ttl_s, MAX_TTL_S).await?;
    let pass = Pass { tenant: caller.tenant, recipient, expires_at };
    let token = Token {
        token: issue(&api.vault, &pass).expose_secret().to_owned(),
        recipient: pass.recipient.to_string(),
        expires_at: expires_at.to_chrono(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(token)).into_response())
}
