use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use projections::distributions::rollups::{self, RollupBy, RollupRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::figures::span;
use crate::position::AtLeast;
use crate::rest::words::RollupByWord;
use crate::state::ApiState;

/// Read beside each other.
const MODELS: [&str; 2] = ["distributions", "deliveries"];
/// Rows of one answer at most.
pub const MAX_ROWS: usize = 1_000;

/// Which sums.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// What they are made for each of.
    by: RollupByWord,
    /// Versions received at or after this RFC 3339 instant; 30 days before `until` when absent.
    since: Option<String>,
    /// Versions received before this instant; now when absent.
    until: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// Sums over a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct RollupsView {
    /// What they are made for each of.
    #[schema(value_type = RollupByWord)]
    by: &'static str,
    /// From then.
    since: String,
    /// Until before then.
    until: String,
    /// In the order of their keys.
    rows: Vec<RollupView>,
    /// Whether there were more than 1,000.
    is_cut: bool,
}

/// considered = planned + not planned; planned = outcomes + open. Resends are left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct RollupView {
    /// A tenant, a report, a distribution's id, or a channel; `none` for pairs that never came to have a channel.
    key: String,
    /// Pairs of subscription and recipient looked at.
    considered: i64,
    /// Pairs that led to a delivery.
    planned: i64,
    /// Pairs that did not.
    not_planned: i64,
    /// Those, by reason.
    not_planned_by_reason: BTreeMap<String, i64>,
    /// Not closed.
    open: i64,
    /// Closed: the receiver confirmed it.
    delivered: i64,
    /// Closed: handed over. Bounced ones are among them.
    accepted: i64,
    /// Closed: given up.
    dead_lettered: i64,
    /// Closed: called off.
    cancelled: i64,
    /// Closed: too late.
    expired: i64,
    /// Closed: held back by a rule at the moment of sending.
    suppressed: i64,
    /// Of the accepted ones: came back.
    bounced: i64,
}

impl From<RollupRow> for RollupView {
    fn from(row: RollupRow) -> Self {
        Self {
            open: row.open(),
            key: row.key,
            considered: row.considered,
            planned: row.planned,
            not_planned: row.not_planned,
            not_planned_by_reason: row.not_planned_by.0,
            delivered: row.delivered,
            accepted: row.accepted,
            dead_lettered: row.dead_lettered,
            cancelled: row.cancelled,
            expired: row.expired,
            suppressed: row.suppressed,
            bounced: row.bounced,
        }
    }
}

/// Sums that reconcile
///
/// Over the versions received within a span, cut by tenant, report, distribution or channel: each cut adds up to the
/// same.
#[utoipa::path(
    get, path = "/v1/rollups", tag = "deliveries",
    params(Which),
    responses((status = 200, description = "A row for each", body = RollupsView))
)]
pub async fn get_rollups(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<RollupsView>, ApiError> {
    let by: RollupBy = which.by.read()?;
    let (since, until) = span(which.since.as_deref(), which.until.as_deref())?;
    for model in MODELS {
        at_least.wait(&api, model).await?;
    }
    let (tenant, within) = (caller.tenant.as_str(), (since.to_chrono(), until.to_chrono()));
    let limit = MAX_ROWS as u32 + 1;
    let mut rows = rollups::rollups(&api.reads, tenant, by, within, limit).await?;
    let is_cut = rows.len() > MAX_ROWS;
    rows.truncate(MAX_ROWS);
    let (since, until) = (since.to_string(), until.to_string());
    let rows = rows.into_iter().map(Into::into).collect();
    Ok(Json(RollupsView { by: by.as_str(), since, until, rows, is_cut }))
}
