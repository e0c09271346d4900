use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use schema::RecipientId;
use serde::{Deserialize, Serialize};
use store::PREFERENCE_LINK_MS;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::lifetime::ends;
use crate::state::ApiState;

/// Longest time a link may hold, in seconds.
const MAX_TTL_S: u32 = (PREFERENCE_LINK_MS / 1000) as u32;

/// How long the link holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkWanted {
    /// Seconds for which the link holds, 1 to 2,592,000; 900 when absent.
    #[schema(minimum = 1, maximum = 2_592_000)]
    ttl_s: Option<u32>,
}

/// A link to a recipient's own page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// Where it leads: whoever has it can see and change this recipient's subscriptions.
    #[schema(
        example = "https://reports.example/p/YWNtZS9hZGEvMTc5NTM5MjAwMDAwMDAwMA.c2lnbmF0dXJl"
    )]
    url: String,
    /// Whose page it is.
    recipient: String,
    /// Until when it holds (exclusive).
    expires_at: DateTime<Utc>,
}

/// Make a link to a recipient's own page
///
/// There a person sees what is sent to it and by which subscription, pauses and ends what it does not want, and says
/// in which format, language and time zone it wants the rest. Nothing of the link is kept; it cannot be taken back
/// before it ends, but a retired recipient's no longer holds.
#[utoipa::path(
    post, path = "/v1/recipients/{recipient}/preference-links", tag = "recipients",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient")),
    request_body = LinkWanted,
    responses((status = 201, description = "A link", body = Link))
)]
pub async fn link_to_preferences(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    caller: Caller,
    body: JsonBody<LinkWanted>,
) -> Result<Response, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let ttl_s = body.value.ttl_s;
    let expires_at = ends(&api, &caller.tenant, &recipient, ttl_s, MAX_TTL_S).await?;
    let token = api.vault.preference_token(&caller.tenant, &recipient, expires_at);
    let link = Link {
        url: format!("{}/p/{token}", api.config.public_url.trim_end_matches('/')),
        recipient: recipient.to_string(),
        expires_at: expires_at.to_chrono(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(link)).into_response())
}
