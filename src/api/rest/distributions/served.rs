use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use projections::deliveries::served::{self, ServedFilter, ServedRow};
use projections::distributions::queries;
use schema::DistributionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::state::ApiState;

/// Which of those that were served.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those that the correction has reached, or only those it has not.
    reached: Option<bool>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// A delivery of the version that got through.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServedView {
    /// Which.
    delivery: String,
    /// To whom.
    recipient: String,
    /// On which channel.
    channel: String,
    /// `delivered` or `accepted`.
    outcome: &'static str,
    /// When it got through.
    served_at: DateTime<Utc>,
    /// When it came back all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounced_at: Option<DateTime<Utc>>,
    /// The delivery it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<String>,
    /// Of the versions that correct it, the one this recipient got, or is to get: absent where nothing is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<String>,
    /// By which delivery, on whatever channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction_delivery: Option<String>,
    /// When that one got through: absent while it is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_at: Option<DateTime<Utc>>,
}

impl From<ServedRow> for ServedView {
    fn from(row: ServedRow) -> Self {
        Self {
            delivery: row.delivery.to_string(),
            recipient: row.recipient,
            channel: row.channel,
            outcome: row.outcome.as_str(),
            served_at: row.served_at,
            bounced_at: row.bounced_at,
            resend_of: row.resend_of.map(|id| id.to_string()),
            correction: row.correction,
            correction_delivery: row.correction_delivery.map(|id| id.to_string()),
            corrected_at: row.corrected_at,
        }
    }
}

/// Who was served with it, last planned first
///
/// Whom to tell when a version was corrected or withdrawn: each delivery that got through, and whether a correction has
/// reached its recipient since.
#[utoipa::path(
    get, path = "/v1/distributions/{distribution}/served", tag = "distributions",
    params(("distribution" = String, Path, description = "Id of the distribution"), Which),
    responses((status = 200, description = "A page of deliveries that got through", body = Listing<ServedView>))
)]
pub async fn list_served(
    State(api): State<ApiState>,
    Path(distribution): Path<String>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<ServedView>>, ApiError> {
    let id: DistributionId = distribution.parse()?;
    let request = page_request(which.limit, which.after.as_deref())?;
    at_least.wait(&api, "distributions").await?;
    at_least.wait(&api, "deliveries").await?;
    let tenant = caller.tenant.as_str();
    let version = queries::by_ids(&api.reads, tenant, &[id.as_uuid()]).await?.into_iter().next();
    let version = version.ok_or_else(|| ApiError::not_found("distribution", &distribution))?;
    let corrections = served::corrections_of(&api.reads, &version).await?;
    let filter = ServedFilter {
        tenant: tenant.to_owned(),
        distribution: id.as_uuid(),
        corrections,
        reached: which.reached,
    };
    let page = served::page(&api.reads, &filter, &request).await?;
    Ok(Json(Listing::of(page, ServedView::from)))
}
