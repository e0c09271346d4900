use axum::extract::State;
use schema::{Invalid, SigningKey, Timestamp, WebhookKeys};

use super::body::{Rotation, RotationAnswer};
use super::setting::{Fresh, Target};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::Done;
use crate::state::ApiState;

/// How long the keys before sign when nobody says, in seconds.
const DEFAULT_OVERLAP_S: u32 = 24 * 60 * 60;
/// Longest time they may, in seconds.
const MAX_OVERLAP_S: u32 = 30 * 24 * 60 * 60;

/// Give a webhook other keys
///
/// A fresh secret and a fresh ed25519 key. While they overlap a request has a signature by each key, so a receiver that
/// knows either one verifies it; after that the keys before sign nothing.
#[utoipa::path(
    post, path = "/v1/recipients/{recipient}/addresses/{address}/webhook/rotate",
    tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    request_body = Rotation,
    responses((status = 200, description = "The keys from now on", body = RotationAnswer))
)]
pub async fn rotate_webhook(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
    body: JsonBody<Rotation>,
) -> Result<Done, ApiError> {
    let target = Target::try_new(&api, &change, recipient, address)?;
    let overlap_s = body.value.overlap_s.unwrap_or(DEFAULT_OVERLAP_S);
    if overlap_s > MAX_OVERLAP_S {
        let rule = format!("must be 0 to {MAX_OVERLAP_S}");
        return Err(Invalid::new("overlap_s", &overlap_s.to_string(), rule).into());
    }
    let choose = |before: &WebhookKeys, now: Timestamp| {
        let until = now.plus_ms(u64::from(overlap_s) * 1000);
        let secret = api.address_rules.generate_secret();
        let (private, public) = api.address_rules.generate_key_pair()?;
        let mut keys = before.clone();
        ending(&mut keys.secrets, until);
        ending(&mut keys.private_keys, until);
        keys.secrets.insert(0, SigningKey::lasting(secret.clone()));
        keys.private_keys.insert(0, SigningKey::lasting(private));
        Ok((keys, Fresh { secret: Some(secret), public: Some(public), until: Some(until) }))
    };
    target.set(&body.bytes, choose).await
}

/// Whatever signs now signs no longer than that.
fn ending(keys: &mut [SigningKey], until: Timestamp) {
    for key in keys {
        key.until = Some(key.until.map_or(until, |before| before.min(until)));
    }
}
