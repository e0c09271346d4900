use std::sync::PoisonError;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use schema::RecipientId;
use serde_json::json;

use crate::auth::Caller;
use crate::clock::now;
use crate::error::ApiError;
use crate::sealing::opened;
use crate::state::ApiState;

/// Recipients whose keys are fetched at once.
const PORTION: usize = 1_000;

/// Tell which addresses are suppressed
///
/// One JSON object a line, as an import takes it. Addresses on the imported list that no recipient has are kept as
/// keyed hashes and cannot be told.
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "mail",
    responses((status = 200, description = "Suppressed", body = String, content_type = "application/x-ndjson"))
)]
pub async fn export_suppressions(
    State(api): State<ApiState>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let suppressed = {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        index.suppressed(&caller.tenant, now())
    };
    let mut lines = String::new();
    for portion in suppressed.chunks(PORTION) {
        let of: Vec<RecipientId> = portion.iter().map(|(id, ..)| id.clone()).collect();
        api.vault.prefetch(&caller.tenant, &of).await?;
        for (recipient, address, suppression) in portion {
            let Some(endpoint) = &address.endpoint else { continue };
            let field = format!("address/{}", address.id);
            let value = opened(&api, &caller, recipient, &field, &endpoint.value).await?;
            let mut line = json!({
                "address": value,
                "reason": suppression.reason.as_str(),
                "recipient": recipient.as_str(),
                "name": address.id.as_str(),
            });
            if let Some(until) = suppression.until {
                line["until"] = json!(until.to_string());
            }
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "private, no-store")];
    Ok((headers, lines).into_response())
}
