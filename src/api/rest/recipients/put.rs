use aggregates::recipient::{Command, Recipient, Rules};
use axum::extract::State;
use schema::events::RecipientProfile;
use schema::{RecipientId, StreamId, Zone};
use secrecy::ExposeSecret;

use super::body::{RecipientBody, checked_name};
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Changed, Done, answer};
use crate::sealing::sealed_for;
use crate::state::ApiState;

/// Register a recipient, or change what is said of it
///
/// The body replaces the whole profile. The id is a pseudonym: it is not sealed, so it must not be a name or an
/// address.
#[utoipa::path(
    put, path = "/v1/recipients/{recipient}", tag = "recipients",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient")),
    request_body = RecipientBody,
    responses(
        (status = 200, description = "Changed, or already so", body = Changed),
        (status = 201, description = "Registered", body = Changed),
    )
)]
pub async fn put_recipient(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    change: Change,
    body: JsonBody<RecipientBody>,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let stream = StreamId::recipient(&change.caller.tenant, &recipient);
    let profile = sealed(&api, &change, &recipient, &stream, body.value).await?;
    let plan = Plan {
        location: Some(format!("/v1/recipients/{recipient}")),
        ..Plan::of(stream, &body.bytes)
    };
    let choose = |state: &Recipient| {
        Ok(match state {
            Recipient::Unknown => Command::Register(profile.clone()),
            Recipient::Active(_) | Recipient::Retired => Command::Change(profile.clone()),
        })
    };
    carry_out::<Rules>(&api, &change, plan, choose, |_| answer("recipient", recipient.as_str()))
        .await
}

async fn sealed(
    api: &ApiState,
    change: &Change,
    recipient: &RecipientId,
    stream: &StreamId,
    body: RecipientBody,
) -> Result<RecipientProfile, ApiError> {
    let kind = body.kind.read()?;
    let zone: Zone = body.zone.parse()?;
    aggregates::form::locale(&body.locale)?;
    let name = match &body.name {
        None => None,
        Some(name) => {
            checked_name(name.expose_secret())?;
            let aad = sealed_for(stream, "name");
            let tenant = &change.caller.tenant;
            Some(api.vault.seal(tenant, recipient, &aad, name.expose_secret()).await?)
        }
    };
    Ok(RecipientProfile { kind, name, locale: body.locale, zone })
}
