use axum::extract::State;
use schema::{Timestamp, WebhookKeys};

use super::body::{WebhookBody, checked_headers};
use super::setting::{Fresh, Target};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done};
use crate::state::ApiState;

/// Set how a webhook is sent to
///
/// The whole of it: what is not named is as it was at first. Headers that frame a request or say whence it comes are
/// refused; `authorization` is allowed. Its secret stays; setting it first makes the key for `v1a` signatures.
#[utoipa::path(
    put, path = "/v1/recipients/{recipient}/addresses/{address}/webhook", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    request_body = WebhookBody,
    responses((status = 200, description = "Set, or already so", body = Changed))
)]
pub async fn put_webhook(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
    body: JsonBody<WebhookBody>,
) -> Result<Done, ApiError> {
    let target = Target::try_new(&api, &change, recipient, address)?;
    let payload = body.value.payload.read()?;
    let signing = body.value.signing.read()?;
    let choose = |before: &WebhookKeys, _: Timestamp| {
        let headers = checked_headers(&body.value.headers, &before.headers)?;
        let keys = WebhookKeys { payload, signing, headers, ..before.clone() };
        Ok((keys, Fresh::default()))
    };
    target.set(&body.bytes, choose).await
}
