use axum::Json;
use axum::extract::State;
use projections::deliveries::{
    DeliveryFilter, DeliveryOutcome, DeliverySort, DeliveryState, queries,
};
use schema::{DistributionId, Invalid};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::DeliveryView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::rest::words::ChannelWord;
use crate::state::ApiState;

const STATES: [DeliveryState; 6] = [
    DeliveryState::Scheduled,
    DeliveryState::Attempting,
    DeliveryState::Retrying,
    DeliveryState::InDoubt,
    DeliveryState::Held,
    DeliveryState::Closed,
];
const OUTCOMES: [DeliveryOutcome; 6] = [
    DeliveryOutcome::Delivered,
    DeliveryOutcome::Accepted,
    DeliveryOutcome::DeadLettered,
    DeliveryOutcome::Cancelled,
    DeliveryOutcome::Expired,
    DeliveryOutcome::Suppressed,
];

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only of this run.
    distribution: Option<String>,
    /// Only of this report.
    report: Option<String>,
    /// Only of the version of this name.
    version: Option<String>,
    /// Only to this recipient.
    recipient: Option<String>,
    /// Only because of this subscription.
    subscription: Option<String>,
    /// Only on this channel.
    channel: Option<ChannelWord>,
    /// Only to this destination.
    destination: Option<String>,
    /// Only those in this state: `scheduled`, `attempting`, `retrying`, `in_doubt`, `held` or `closed`.
    state: Option<String>,
    /// Only those that ended so: `delivered`, `accepted`, `dead_lettered`, `cancelled`, `expired` or `suppressed`.
    outcome: Option<String>,
    /// Only those not closed, or only those closed.
    open: Option<bool>,
    /// Only resends, or only planned ones.
    resends: Option<bool>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

impl Which {
    fn filter(self, caller: &Caller) -> Result<DeliveryFilter, Invalid> {
        let run = self.distribution.as_deref().map(str::parse::<DistributionId>).transpose()?;
        let channel = self.channel.as_ref().map(ChannelWord::read).transpose()?;
        let state = self.state.as_deref();
        let outcome = self.outcome.as_deref();
        Ok(DeliveryFilter {
            distribution: run.map(|id| id.as_uuid()),
            report: self.report,
            version: self.version,
            recipient: self.recipient,
            subscription: self.subscription,
            channel: channel.map(|channel| channel.to_string()),
            destination: self.destination,
            state: state
                .map(|word| one_of("state", word, STATES, DeliveryState::as_str))
                .transpose()?,
            outcome: outcome
                .map(|word| one_of("outcome", word, OUTCOMES, DeliveryOutcome::as_str))
                .transpose()?,
            open: self.open,
            resends: self.resends,
            ..DeliveryFilter::of(caller.tenant.as_str())
        })
    }
}

fn one_of<T: Copy, const N: usize>(
    field: &str,
    word: &str,
    all: [T; N],
    name: fn(T) -> &'static str,
) -> Result<T, Invalid> {
    all.into_iter().find(|value| name(*value) == word).ok_or_else(|| {
        let rule = format!("must be one of {}", all.map(name).join(", "));
        Invalid::new(field, word, rule)
    })
}

/// Deliveries, last planned first
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries", params(Which),
    responses((status = 200, description = "A page of deliveries", body = Listing<DeliveryView>))
)]
pub async fn list_deliveries(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<DeliveryView>>, ApiError> {
    let request = page_request(which.limit, which.after.as_deref())?;
    let filter = which.filter(&caller)?;
    at_least.wait(&api, "deliveries").await?;
    let page = queries::page(&api.reads, &filter, DeliverySort::Position, &request).await?;
    Ok(Json(Listing::of(page, DeliveryView::from)))
}
