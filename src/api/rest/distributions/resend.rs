use axum::extract::State;
use futures::{StreamExt, stream};
use projections::deliveries::DeliveryOutcome;
use projections::deliveries::failed::{Failed, FailedRow, failed};
use projections::distributions::queries;
use schema::{DeliveryId, DistributionId, Invalid, Position, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Precondition;
use utoipa::ToSchema;

use crate::carry_out::{kept, replay};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::Done;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;
use crate::walls::{Asked, OrderError};

/// Ends that can be sent again in bulk: what was called off or held back had its reason.
const FAILURES: [DeliveryOutcome; 2] = [DeliveryOutcome::DeadLettered, DeliveryOutcome::Expired];
/// Deliveries of one request when nobody says, and at most.
const DEFAULT_LIMIT: u32 = 500;
const MAX_LIMIT: u32 = 1_000;
/// Resends under way at once: each is a transaction of its own.
const AT_ONCE: usize = 16;

/// Which deliveries failed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendFailedBody {
    /// Ends that count: `dead_lettered`, `expired`; both when absent.
    #[serde(default)]
    #[schema(example = json!(["dead_lettered"]))]
    outcomes: Option<Vec<String>>,
    /// Whether those count that came back after they were accepted.
    #[serde(default = "yes")]
    #[schema(default = true)]
    bounced: bool,
    /// At most so many, 1 to 1,000; 500 when absent. Ask again while `more` is true.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only say how many.
    #[serde(default)]
    dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// What came of it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ResendFailedAnswer {
    /// Of which run.
    distribution: String,
    /// Failed deliveries that were looked at.
    found: usize,
    /// Of those: sent again, each as a delivery of its own.
    resent: usize,
    /// Of those: no longer as they were read, so left alone.
    changed: usize,
    /// Of those: not to be sent again, with the rule.
    refused: Vec<RefusedResend>,
    /// Whether further ones failed that were not looked at.
    more: bool,
    /// The position from which it can be read: give it as `at_least_position`.
    position: i64,
}

/// A delivery that is not sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedResend {
    /// Which.
    delivery: String,
    /// Why not.
    reason: String,
}

/// Send the failed ones again
///
/// Those that failed and no others: none that got through, none of which a repetition is open or got through. Asked
/// twice, nothing is sent twice.
#[utoipa::path(
    post, path = "/v1/distributions/{distribution}/resend", tag = "distributions",
    params(("distribution" = String, Path, description = "Id of the distribution"), AtLeastQuery),
    request_body = ResendFailedBody,
    responses((status = 200, description = "Scheduled again, or nothing to do", body = ResendFailedAnswer))
)]
pub async fn resend_failed(
    State(api): State<ApiState>,
    Path(distribution): Path<String>,
    change: Change,
    at_least: AtLeast,
    body: JsonBody<ResendFailedBody>,
) -> Result<Done, ApiError> {
    let id: DistributionId = distribution.parse()?;
    let (which, limit) = read(&change, id, &body.value)?;
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    at_least.wait(&api, "distributions").await?;
    at_least.wait(&api, "deliveries").await?;
    let tenant = change.caller.tenant.as_str();
    if queries::by_ids(&api.reads, tenant, &[id.as_uuid()]).await?.is_empty() {
        return Err(ApiError::not_found("distribution", &distribution));
    }
    let mut rows = failed(&api.reads, &which, i64::from(limit) + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let mut answer = ResendFailedAnswer { found: rows.len(), more, ..Default::default() };
    answer.distribution = distribution;
    let mut position = Position::START;
    if !body.value.dry_run {
        position = resend(&api, &change, rows, &mut answer).await?;
    }
    let stream = StreamId::distribution(id);
    kept(&api, &change, digest, (&stream, &told(&answer)), position).await
}

fn read(
    change: &Change,
    id: DistributionId,
    body: &ResendFailedBody,
) -> Result<(Failed, u32), Invalid> {
    let names = FAILURES.map(DeliveryOutcome::as_str);
    let outcomes = match &body.outcomes {
        None => names.map(str::to_owned).to_vec(),
        Some(given) => given.clone(),
    };
    if let Some(at) = outcomes.iter().position(|name| !names.contains(&name.as_str())) {
        let rule = format!("must be one of {}", names.join(", "));
        return Err(Invalid::new(format!("outcomes[{at}]"), &outcomes[at], rule));
    }
    let limit = body.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let rule = format!("must be 1 to {MAX_LIMIT}");
        return Err(Invalid::new("limit", &limit.to_string(), rule));
    }
    let tenant = change.caller.tenant.to_string();
    let which = Failed { tenant, distribution: id.as_uuid(), outcomes, bounced: body.bounced };
    Ok((which, limit))
}

/// Sends each again, unless it is no longer as it was read: then someone was faster.
async fn resend(
    api: &ApiState,
    change: &Change,
    rows: Vec<FailedRow>,
    answer: &mut ResendFailedAnswer,
) -> Result<Position, ApiError> {
    let one = |row: FailedRow| async move {
        let delivery = DeliveryId::from_uuid(row.delivery);
        let precondition = Precondition::LastAt(vec![Position(row.last_position)]);
        let asked = Asked { metadata: change.metadata(), precondition };
        (delivery, api.deliveries.resend(delivery, asked, &|_| None).await)
    };
    let mut under_way = stream::iter(rows).map(one).buffer_unordered(AT_ONCE);
    let mut position = Position::START;
    while let Some((delivery, ordered)) = under_way.next().await {
        match ordered {
            Ok(ordered) => {
                answer.resent += 1;
                position = position.max(ordered.position.unwrap_or_default());
            }
            Err(OrderError::Stale(_)) => answer.changed += 1,
            Err(OrderError::Refused(refusal)) => answer.refused.push(RefusedResend {
                delivery: delivery.to_string(),
                reason: refusal.to_string(),
            }),
            // What was sent again until here stays so, and is passed over when this is asked again.
            Err(error) => return Err(error.into()),
        }
    }
    Ok(position)
}

fn told(answer: &ResendFailedAnswer) -> Map<String, Value> {
    let mut told = match json!(answer) {
        Value::Object(told) => told,
        _ => Map::new(),
    };
    told.remove("position");
    told
}
