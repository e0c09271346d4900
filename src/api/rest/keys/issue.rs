use std::collections::BTreeSet;

use aggregates::api_key::{ApiKey, Command, IssuedKey, Rules};
use axum::extract::State;
use schema::events::{KeyLimits, Scope};
use schema::{GroupId, Invalid, StreamId, TenantId, Timestamp};

use super::body::{KeyAnswer, KeyBody, LimitsBody};
use crate::auth::Caller;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::clock::now;
use crate::error::ApiError;
use crate::extract::{JsonBody, instant};
use crate::known;
use crate::minted::MintedKey;
use crate::outcome::{Done, answer};
use crate::rest::words::ScopeWord;
use crate::state::ApiState;

/// Issue a key
///
/// Its secret is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", request_body = KeyBody,
    responses(
        (status = 201, description = "Issued", body = KeyAnswer),
    )
)]
pub async fn issue_key(
    State(api): State<ApiState>,
    change: Change,
    body: JsonBody<KeyBody>,
) -> Result<Done, ApiError> {
    let scopes = scopes(&change.caller, &body.value.scopes)?;
    let expires_at = end(&change.caller, body.value.expires_at.as_deref())?;
    let limits = limits(&api, &change.caller.tenant, body.value.limits).await?;
    let MintedKey { id: key, whole, secret_hash } = MintedKey::mint(&api.vault)?;
    let title = body.value.title;
    let issued = IssuedKey { title, secret_hash, scopes, expires_at, limits };
    let plan = Plan {
        location: Some(format!("/v1/keys/{key}")),
        ..Plan::of(StreamId::api_key(&change.caller.tenant, &key), &body.bytes)
    };
    let choose = |_: &ApiKey| Ok(Command::Issue(issued.clone()));
    let done =
        carry_out::<Rules>(&api, &change, plan, choose, |_| answer("key", key.as_str())).await?;
    Ok(done.showing(Some(whole)))
}

async fn limits(
    api: &ApiState,
    tenant: &TenantId,
    body: LimitsBody,
) -> Result<KeyLimits, ApiError> {
    let mut limits = KeyLimits { reports: body.reports, ..KeyLimits::default() };
    for group in body.groups {
        let group = GroupId::try_new(group)?;
        known::group(api, tenant, "limits.groups", &group).await?;
        limits.groups.insert(group);
    }
    Ok(limits)
}

/// When the key stops working: no later than the one it is made with.
fn end(caller: &Caller, text: Option<&str>) -> Result<Option<Timestamp>, Invalid> {
    let end = instant("expires_at", text)?;
    if let Some(end) = end.filter(|end| *end <= now()) {
        return Err(Invalid::new("expires_at", &end.to_string(), "must lie in the future"));
    }
    let Some(last) = caller.expires_at else { return Ok(end) };
    if end.is_some_and(|end| end <= last) {
        return Ok(end);
    }
    let rule = format!("must be given, and no later than the key it is made with ends: {last}");
    Err(Invalid::new("expires_at", text.unwrap_or_default(), rule))
}

fn scopes(caller: &Caller, words: &[ScopeWord]) -> Result<BTreeSet<Scope>, ApiError> {
    let mut scopes = BTreeSet::new();
    for word in words {
        let scope = word.read()?;
        caller.needs(scope).map_err(|error| error.at("scopes"))?;
        scopes.insert(scope);
    }
    if scopes.is_empty() {
        return Err(Invalid::new("scopes", "[]", "must name one at least").into());
    }
    Ok(scopes)
}
