use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use projections::distributions::{DistributionRow, OutcomeRow, OutcomeSums, queries};
use schema::{AttributeValue, DistributionId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::rest::plain::PlainValue;
use crate::state::ApiState;

/// A report version and how its delivery stands. considered = planned + not planned; planned = sum over outcomes +
/// open.
#[derive(Debug, Serialize, ToSchema)]
pub struct DistributionView {
    /// Its id.
    distribution: String,
    /// Which report.
    report: String,
    /// Which version.
    version: String,
    /// The report's title when it came in.
    title: String,
    /// SHA-256 over attributes and artifacts.
    digest: String,
    /// What the version says of itself.
    #[schema(value_type = BTreeMap<String, PlainValue>)]
    attributes: BTreeMap<String, AttributeValue>,
    /// The version it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<String>,
    /// The version that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_by: Option<String>,
    /// When it came in.
    received_at: DateTime<Utc>,
    /// When its deliveries expire.
    deadline: DateTime<Utc>,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<DateTime<Utc>>,
    /// Pairs of subscription and recipient looked at.
    considered: i64,
    /// Pairs that led to a delivery.
    planned: i64,
    /// Pairs that did not.
    not_planned: i64,
    /// Those, by reason.
    not_planned_by: BTreeMap<String, i64>,
    /// Whether every recipient was looked at.
    plan_complete: bool,
    /// How the planned deliveries stand.
    outcomes: OutcomesView,
    /// When every planned delivery was closed and the sums closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciled_at: Option<DateTime<Utc>>,
    /// Where its last event lies: the ETag's number.
    last_position: i64,
}

/// How deliveries stand; resends are not among them.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomesView {
    open: i64,
    delivered: i64,
    accepted: i64,
    dead_lettered: i64,
    cancelled: i64,
    expired: i64,
    suppressed: i64,
    /// Of the accepted ones: came back.
    bounced: i64,
    /// Attempts begun.
    attempts: i64,
}

impl From<OutcomeSums> for OutcomesView {
    fn from(sums: OutcomeSums) -> Self {
        Self {
            open: sums.open,
            delivered: sums.delivered,
            accepted: sums.accepted,
            dead_lettered: sums.dead_lettered,
            cancelled: sums.cancelled,
            expired: sums.expired,
            suppressed: sums.suppressed,
            bounced: sums.bounced,
            attempts: sums.attempts,
        }
    }
}

fn told(row: DistributionRow, outcomes: &[OutcomeRow]) -> DistributionView {
    DistributionView {
        distribution: row.distribution.to_string(),
        report: row.report,
        version: row.version,
        title: row.title,
        digest: row.digest,
        attributes: row.attributes.0,
        corrects: row.corrects,
        corrected_by: row.corrected_by,
        received_at: row.received_at,
        deadline: row.deadline,
        withdrawn_at: row.withdrawn_at,
        considered: row.considered,
        planned: row.planned,
        not_planned: row.not_planned,
        not_planned_by: row.not_planned_by.0,
        plan_complete: row.plan_complete_at.is_some(),
        outcomes: OutcomeSums::of(outcomes, false).into(),
        reconciled_at: row.reconciled_at,
        last_position: row.last_position,
    }
}

/// One distribution
#[utoipa::path(
    get, path = "/v1/distributions/{distribution}", tag = "distributions",
    params(("distribution" = String, Path, description = "Id of the distribution"), AtLeastQuery),
    responses((status = 200, description = "The distribution", body = DistributionView))
)]
pub async fn get_distribution(
    State(api): State<ApiState>,
    Path(distribution): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<DistributionView>, ApiError> {
    let id: DistributionId = distribution.parse()?;
    at_least.wait(&api, "distributions").await?;
    at_least.wait(&api, "deliveries").await?;
    let (tenant, ids) = (caller.tenant.as_str(), [id.as_uuid()]);
    let row = queries::by_ids(&api.reads, tenant, &ids).await?.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("distribution", &distribution))?;
    let outcomes = queries::outcomes_of(&api.reads, tenant, &ids).await?;
    Ok(Tagged { sequence: row.last_position, value: told(row, &outcomes) })
}
