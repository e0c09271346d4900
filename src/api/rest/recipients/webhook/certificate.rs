use axum::extract::State;
use schema::{Timestamp, WebhookKeys};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::setting::{Fresh, Target};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done};
use crate::state::ApiState;

/// What Waybill shows a receiver that asks who it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateBody {
    /// The certificate in PEM, and after it those that lead from it to the root.
    certificate: String,
    /// Its private key in PEM, without a passphrase: kept sealed and never shown.
    #[schema(value_type = String)]
    key: SecretString,
}

/// Have a webhook be shown a client certificate
///
/// Refused where it is not valid now or the key is not its own. What the webhook was set to otherwise stays.
#[utoipa::path(
    put, path = "/v1/recipients/{recipient}/addresses/{address}/webhook/certificate",
    tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    request_body = CertificateBody,
    responses((status = 200, description = "Set, or already so", body = Changed))
)]
pub async fn put_certificate(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
    body: JsonBody<CertificateBody>,
) -> Result<Done, ApiError> {
    let target = Target::try_new(&api, &change, recipient, address)?;
    let CertificateBody { certificate, key } = &body.value;
    let choose = |before: &WebhookKeys, now: Timestamp| {
        let client = api.address_rules.check_client_certificate(certificate, key, now)?;
        Ok((WebhookKeys { client: Some(client), ..before.clone() }, Fresh::default()))
    };
    target.set(&body.bytes, choose).await
}

/// Have a webhook be shown no client certificate
#[utoipa::path(
    delete, path = "/v1/recipients/{recipient}/addresses/{address}/webhook/certificate",
    tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address"),
    ),
    responses((status = 200, description = "Shown none, or none before", body = Changed))
)]
pub async fn delete_certificate(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
) -> Result<Done, ApiError> {
    let target = Target::try_new(&api, &change, recipient, address)?;
    let choose = |before: &WebhookKeys, _: Timestamp| {
        Ok((WebhookKeys { client: None, ..before.clone() }, Fresh::default()))
    };
    target.set(&[], choose).await
}
