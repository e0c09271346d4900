use std::sync::PoisonError;

use aggregates::planning::{MAX_PAIRS, PreviewRequest, preview};
use aggregates::subscription::{Rules, Subscription};
use axum::Json;
use axum::extract::State;
use projections::distributions::{DistributionFilter, DistributionRow, DistributionSort, queries};
use projections::{Edge, Page};
use schema::events::ReportVersion;
use schema::{
    DistributionId, Invalid, Position, ReportSelector, StreamId, SubscriptionId, TenantId,
    Timestamp,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::SubscriptionBody;
use super::previewed::{Place, PreviewAnswer, VersionPreview};
use super::put::asked;
use crate::auth::Caller;
use crate::carry_out::load;
use crate::clock::now;
use crate::error::{ApiError, Code};
use crate::extract::{JsonBody, Query, instant};
use crate::position::AtLeast;
use crate::received::versions;
use crate::rest::listing::page_request;
use crate::state::ApiState;

/// Days looked at when nobody says, and at most.
const DEFAULT_DAYS: u64 = 30;
const MAX_DAYS: u64 = 92;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Which versions, and which part of the answer.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The subscription that is to say this: what it leads to now does not count, who opted out of it stays out, a
    /// pause holds. A new one when absent.
    subscription: Option<String>,
    /// Versions received from then on (RFC 3339); 30 days before `to` when absent.
    from: Option<String>,
    /// Versions received before then, 92 days after `from` at most; now when absent.
    to: Option<String>,
    /// Versions of the answer, 1 to 200; 50 when absent. It ends early behind 2,000 recipients.
    limit: Option<u32>,
    /// The `next` of the part before. Give `from` and `to` as that one told them.
    after: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// Try a subscription on versions of the past
///
/// Says of each version whether the subscription would have matched it and who would have got it, on which channel and
/// in which format, or why not: by the rules of planning, and by what is so now (members, grants, addresses, pauses).
/// Nothing is written.
#[utoipa::path(
    post, path = "/v1/subscriptions/preview", tag = "subscriptions", params(Tried),
    request_body = SubscriptionBody,
    responses((status = 200, description = "What it would have led to", body = PreviewAnswer))
)]
pub async fn preview_subscription(
    State(api): State<ApiState>,
    Query(tried): Query<Tried>,
    caller: Caller,
    at_least: AtLeast,
    body: JsonBody<SubscriptionBody>,
) -> Result<Json<PreviewAnswer>, ApiError> {
    let (now, tenant) = (now(), &caller.tenant);
    let (from, to) = period(&tried, now)?;
    let after = tried.after.as_deref().map(Place::read).transpose()?;
    let mut request = page_request(tried.limit, None)?;
    request.after = after.as_ref().map(Place::behind);
    let id = tried.subscription.map(SubscriptionId::try_new).transpose()?;
    let subscription = subscription(&api, tenant, id.as_ref(), body.value).await?;
    at_least.wait(&api, "distributions").await?;
    let reached = api.read_position.reached("distributions").await?;
    let filter = DistributionFilter {
        report: report_of(&subscription),
        received_from: Some(from.to_chrono()),
        received_until: Some(to.to_chrono()),
        ..DistributionFilter::of(tenant.as_str())
    };
    let page = queries::page(&api.reads, &filter, DistributionSort::ReceivedAt, &request).await?;
    let versions = received(&api, &page.edges).await?;
    let trial = Trial { tenant, id: id.as_ref(), subscription: &subscription, now };
    let (rows, next, position) = trial.of(&api, page, &versions, after.as_ref());
    let next = next.map(|place| place.told());
    let position = position.min(reached).0;
    Ok(Json(PreviewAnswer { from: from.to_chrono(), to: to.to_chrono(), rows, next, position }))
}

fn period(tried: &Tried, now: Timestamp) -> Result<(Timestamp, Timestamp), Invalid> {
    let to = instant("to", tried.to.as_deref())?;
    let until = to.unwrap_or(now);
    let days_us = |days: u64| (days * DAY_MS * 1000).cast_signed();
    let before =
        Timestamp::from_unix_micros(until.unix_micros().saturating_sub(days_us(DEFAULT_DAYS)));
    let from = instant("from", tried.from.as_deref())?.unwrap_or(before);
    let length_us = until.unix_micros().saturating_sub(from.unix_micros());
    let rule = match length_us {
        ..=0 => "must be later than from".to_owned(),
        length if length > days_us(MAX_DAYS) => {
            format!("must be {MAX_DAYS} days after from at most")
        }
        _ => return Ok((from, until)),
    };
    Err(Invalid::new("to", &until.to_string(), rule))
}

/// The subscription as it would stand, by its own rules.
async fn subscription(
    api: &ApiState,
    tenant: &TenantId,
    id: Option<&SubscriptionId>,
    body: SubscriptionBody,
) -> Result<Subscription, ApiError> {
    let said = body.checked(api, tenant).await?;
    let mut state = Subscription::default();
    if let Some(id) = id {
        state = load::<Rules>(api, &StreamId::subscription(tenant, id)).await?.state;
    }
    let command = asked(&state, said);
    aggregates::run::<Rules>(&mut state, command)?;
    Ok(state)
}

fn report_of(subscription: &Subscription) -> Option<String> {
    match &subscription.body()?.selector.report {
        ReportSelector::Named(report) => Some(report.to_string()),
        ReportSelector::Every => None,
    }
}

/// What came in, from the log: the read model knows no data frames.
async fn received(
    api: &ApiState,
    edges: &[Edge<DistributionRow>],
) -> Result<Vec<ReportVersion>, ApiError> {
    let mut known = versions(api, edges.iter().map(|edge| edge.row.distribution)).await?;
    let each = edges.iter().map(|Edge { row, .. }| {
        known.remove(&row.distribution).ok_or_else(|| {
            let stream = StreamId::distribution(DistributionId::from_uuid(row.distribution));
            ApiError::new(Code::Internal, format!("{stream} does not begin as it should"))
        })
    });
    each.collect()
}

/// What is tried.
struct Trial<'t> {
    tenant: &'t TenantId,
    id: Option<&'t SubscriptionId>,
    subscription: &'t Subscription,
    now: Timestamp,
}

impl Trial<'_> {
    /// Of these versions as many as the bound on recipients allows, where the next part begins, and how far the index
    /// was.
    fn of(
        &self,
        api: &ApiState,
        page: Page<DistributionRow>,
        versions: &[ReportVersion],
        resume: Option<&Place>,
    ) -> (Vec<VersionPreview>, Option<Place>, Position) {
        let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
        let (mut rows, mut room, mut last) = (Vec::new(), MAX_PAIRS, None);
        let has_next = page.has_next;
        for (Edge { cursor, row }, version) in page.edges.into_iter().zip(versions) {
            if room == 0 {
                return (rows, last, index.read_at());
            }
            let after = resume.filter(|place| place.version == cursor);
            let told = preview(
                &index,
                PreviewRequest {
                    tenant: self.tenant,
                    subscription: self.subscription,
                    id: self.id,
                    version,
                    after: after.and_then(|place| place.recipient.as_ref()),
                    limit: room,
                    now: self.now,
                },
            );
            room -= told.decisions.len();
            let place = Place { version: cursor, recipient: told.through.clone() };
            let is_cut = place.recipient.is_some();
            rows.push(VersionPreview::of(row, told));
            last = Some(place);
            if is_cut {
                return (rows, last, index.read_at());
            }
        }
        (rows, last.filter(|_| has_next), index.read_at())
    }
}
