use std::time::Instant;

use aggregates::recipient::Rules;
use axum::Json;
use axum::extract::State;
use rand::Rng;
use schema::events::Scope;
use schema::{AddressId, RecipientId, StreamId};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::setting::{found, keys_of};
use crate::auth::Caller;
use crate::carry_out::load;
use crate::clock::now;
use crate::error::ApiError;
use crate::extract::Path;
use crate::sealing::{MASK, opened};
use crate::state::ApiState;
use crate::walls::TestLetter;

/// What came back of a test event.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestAnswer {
    /// Whether a delivery would have counted as delivered.
    ok: bool,
    /// Its `webhook-id`, by which the other side finds it.
    webhook_id: String,
    /// The status of a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// What went wrong, such as `http.503`, `connect.tls` or `ssrf.blocked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The first 512 bytes of what it said; `***` unless the key has the scope `audit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// How long it took, in milliseconds.
    elapsed_ms: u64,
}

/// Try a webhook out
///
/// Sends an event of type `waybill.test`, signed and with the headers that a report would have, and tells what came
/// back. It is no delivery: nothing is recorded, counted or tried again. Once in five seconds for a host at most.
#[utoipa::path(
    post, path = "/v1/recipients/{recipient}/addresses/{address}/webhook/test", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    responses((status = 200, description = "What came back", body = TestAnswer))
)]
pub async fn test_webhook(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    caller: Caller,
) -> Result<Json<TestAnswer>, ApiError> {
    let (recipient, address) = (RecipientId::try_new(recipient)?, AddressId::try_new(address)?);
    let tenant = &caller.tenant;
    let loaded = load::<Rules>(&api, &StreamId::recipient(tenant, &recipient)).await?;
    let missing = || ApiError::not_found("webhook", address.as_str());
    let known = found(&loaded.state, &address).ok_or_else(missing)?;
    let endpoint = known.endpoint.as_ref().ok_or_else(missing)?;
    let field = format!("address/{address}");
    let url = opened(&api, &caller, &recipient, &field, &endpoint.value).await?;
    let keys = keys_of(&api, tenant, &recipient, known).await?;
    let webhook_id = format!("test_{:032x}", rand::rng().random::<u128>());
    let body = json!({
        "type": "waybill.test",
        "timestamp": now().to_string(),
        "data": { "tenant": tenant, "recipient": recipient, "address": address },
    });
    let letter = TestLetter {
        url: SecretString::from(url.ok_or_else(missing)?),
        id: webhook_id.clone(),
        body: body.to_string().into_bytes(),
        keys,
    };
    let started = Instant::now();
    let sent = api.address_rules.try_webhook(letter).await;
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let sent = sent.ok_or_else(|| {
        let told = "a host is sent a test event once in 5 seconds at most; wait";
        ApiError::refused("tested_too_soon", told.to_owned())
    })?;
    let (ok, status, code, reply) = match sent {
        Ok(receipt) => (true, Some(receipt.status), None, receipt.reply),
        Err(error) => (false, None, Some(error.code), error.reply),
    };
    let may_read = caller.may(Scope::Audit);
    let reply = reply.map(|reply| if may_read { reply } else { MASK.to_owned() });
    Ok(Json(TestAnswer { ok, webhook_id, status, code, reply, elapsed_ms }))
}
