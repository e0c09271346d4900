//! Keys that are limited in whom they may subscribe to what: with scope `subscribe` they change subscriptions, and none
//! but those. Whoever could grant, add members or issue keys would pass any limit by.

use std::sync::PoisonError;

use aggregates::subscription::{Subscription, Wish};
use schema::events::{KeyLimits, Scope};
use schema::{Addressee, GroupId, Invalid, ReportSelector, TenantId};

use crate::auth::Caller;
use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// What a limited key may do of all that asks for scope `subscribe`.
const OWN: [&str; 2] = ["/v1/subscriptions", "/v1/bulk/subscriptions"];
/// Where keys are issued and revoked.
const KEYS: &str = "/v1/keys";

/// Whether a limited key may call this route at all.
///
/// # Errors
/// [`Code::ScopeMissing`], naming the limit.
pub(crate) fn check_route(
    caller: &Caller,
    scope: Scope,
    changes: bool,
    path: &str,
) -> Result<(), ApiError> {
    let Some(limits) = caller.limits() else { return Ok(()) };
    let elsewhere = scope == Scope::Subscribe && !OWN.iter().any(|own| path.starts_with(own));
    let of_keys = changes && path.starts_with(KEYS);
    if !elsewhere && !of_keys {
        return Ok(());
    }
    let detail = "the API key is limited in whom it may subscribe to what: it changes subscriptions and nothing else";
    Err(ApiError { rule: Some(told(limits)), ..ApiError::new(Code::ScopeMissing, detail) })
}

/// Whether the caller may have a subscription say this.
///
/// # Errors
/// [`Code::ScopeMissing`], naming field, value and limit.
pub(crate) fn check(api: &ApiState, caller: &Caller, said: &Wish) -> Result<(), ApiError> {
    let Some(limits) = caller.limits() else { return Ok(()) };
    report(limits, &said.selector.report)?;
    subscriber(api, &caller.tenant, limits, &said.subscriber)
}

/// Whether the caller may touch a subscription that stands so.
///
/// # Errors
/// [`Code::ScopeMissing`], naming field, value and limit.
pub(crate) fn check_state(
    api: &ApiState,
    caller: &Caller,
    state: &Subscription,
) -> Result<(), ApiError> {
    let Some(limits) = caller.limits() else { return Ok(()) };
    if let Some(said) = state.body() {
        report(limits, &said.selector.report)?;
    }
    state.subscriber().map_or(Ok(()), |whose| subscriber(api, &caller.tenant, limits, whose))
}

fn report(limits: &KeyLimits, wanted: &ReportSelector) -> Result<(), ApiError> {
    if limits.allow(wanted) {
        return Ok(());
    }
    let rule = format!("must be one of {}: the API key is limited to these", reports(limits));
    Err(refusal("selector.report", &wanted.to_string(), rule))
}

fn subscriber(
    api: &ApiState,
    tenant: &TenantId,
    limits: &KeyLimits,
    wanted: &Addressee,
) -> Result<(), ApiError> {
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    let within = |group: &GroupId| match wanted {
        Addressee::Recipient(recipient) => index.is_member(tenant, group, recipient),
        Addressee::Group(inner) => index.is_within(tenant, group, inner),
    };
    if limits.groups.is_empty() || limits.groups.iter().any(within) {
        return Ok(());
    }
    let rule =
        format!("must belong to one of {}: the API key is limited to these groups", groups(limits));
    let (field, value) = match wanted {
        Addressee::Recipient(recipient) => ("recipient", recipient.as_str()),
        Addressee::Group(group) => ("group", group.as_str()),
    };
    Err(refusal(field, value, rule))
}

fn refusal(field: &str, value: &str, rule: String) -> ApiError {
    ApiError::named(Code::ScopeMissing, Invalid::new(field, value, rule))
}

fn told(limits: &KeyLimits) -> String {
    let named = [("reports", reports(limits)), ("groups", groups(limits))];
    let named = named.into_iter().filter(|(_, list)| !list.is_empty());
    named.map(|(name, list)| format!("{name}: {list}")).collect::<Vec<_>>().join("; ")
}

fn reports(limits: &KeyLimits) -> String {
    limits.reports.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn groups(limits: &KeyLimits) -> String {
    limits.groups.iter().map(GroupId::as_str).collect::<Vec<_>>().join(", ")
}
