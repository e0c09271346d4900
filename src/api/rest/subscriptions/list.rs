use axum::Json;
use axum::extract::State;
use projections::subscriptions::{SubscriptionFilter, SubscriptionState, queries};
use schema::Invalid;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::SubscriptionView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::state::ApiState;

/// Which subscriptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only this recipient's.
    recipient: Option<String>,
    /// Only this group's.
    group: Option<String>,
    /// Only those that ask for this report by name; `*` for those that ask for all.
    report: Option<String>,
    /// Only those in this state: `active`, `paused` or `ended`.
    state: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// All subscriptions, newest first
#[utoipa::path(
    get, path = "/v1/subscriptions", tag = "subscriptions", params(Which),
    responses((status = 200, description = "A page of subscriptions", body = Listing<SubscriptionView>))
)]
pub async fn list_subscriptions(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<SubscriptionView>>, ApiError> {
    let request = page_request(which.limit, which.after.as_deref())?;
    let state = which.state.as_deref().map(state).transpose()?;
    at_least.wait(&api, "subscriptions").await?;
    let now = crate::clock::now().to_chrono();
    let filter = SubscriptionFilter {
        recipient: which.recipient,
        group: which.group,
        report: which.report,
        state,
        ..SubscriptionFilter::of(caller.tenant.as_str(), now)
    };
    let page = queries::page(&api.reads, &filter, &request).await?;
    Ok(Json(Listing::of(page, SubscriptionView::from)))
}

fn state(word: &str) -> Result<SubscriptionState, Invalid> {
    match word {
        "active" => Ok(SubscriptionState::Active),
        "paused" => Ok(SubscriptionState::Paused),
        "ended" => Ok(SubscriptionState::Ended),
        _ => Err(Invalid::new("state", word, "must be one of active, paused, ended")),
    }
}
