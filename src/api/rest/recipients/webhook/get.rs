use aggregates::recipient::Rules;
use axum::extract::State;
use schema::{AddressId, RecipientId, StreamId, WebhookPayload, WebhookSigning};

use super::body::WebhookView;
use super::setting::found;
use crate::auth::Caller;
use crate::carry_out::load;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::state::ApiState;

/// How a webhook is sent to
///
/// With the public key that verifies its `v1a` signatures; no secret and no header's value.
#[utoipa::path(
    get, path = "/v1/recipients/{recipient}/addresses/{address}/webhook", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    responses((status = 200, description = "Its settings", body = WebhookView))
)]
pub async fn get_webhook(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    caller: Caller,
) -> Result<Tagged<WebhookView>, ApiError> {
    let (recipient, address) = (RecipientId::try_new(recipient)?, AddressId::try_new(address)?);
    let loaded = load::<Rules>(&api, &StreamId::recipient(&caller.tenant, &recipient)).await?;
    let found = found(&loaded.state, &address);
    let found = found.ok_or_else(|| ApiError::not_found("webhook", address.as_str()))?;
    let settings = found.webhook.as_deref();
    let payload = settings.map_or(WebhookPayload::default(), |set| set.payload);
    let signing = settings.map_or(WebhookSigning::default(), |set| set.signing);
    let view = WebhookView {
        recipient: recipient.to_string(),
        address: address.to_string(),
        payload: payload.as_str(),
        signing: signing.as_str(),
        headers: settings.map_or_else(Vec::new, |set| set.headers.clone()),
        public_key: settings.map(|set| set.public_key.clone()),
        overlap_until: settings.and_then(|set| set.overlap_until).map(schema::Timestamp::to_chrono),
        certificate_expires_at: settings
            .and_then(|set| set.client_certificate.as_ref())
            .map(|certificate| certificate.expires_at.to_chrono()),
        sequence: loaded.sequence,
    };
    Ok(Tagged { sequence: view.sequence, value: view })
}
