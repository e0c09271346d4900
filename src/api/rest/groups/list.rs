use axum::Json;
use axum::extract::State;
use projections::groups::{GroupFilter, queries};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::GroupView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::state::ApiState;

/// Which groups.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those retired, or only those not.
    retired: Option<bool>,
    /// Only those that hold this recipient themselves.
    recipient: Option<String>,
    /// Only those that hold this group themselves.
    group: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// All groups, newest first
#[utoipa::path(
    get, path = "/v1/groups", tag = "groups", params(Which),
    responses((status = 200, description = "A page of groups", body = Listing<GroupView>))
)]
pub async fn list_groups(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<GroupView>>, ApiError> {
    let request = page_request(which.limit, which.after.as_deref())?;
    at_least.wait(&api, "groups").await?;
    let Which { retired, recipient, group, .. } = which;
    let tenant = caller.tenant.to_string();
    let filter = GroupFilter { tenant, retired, recipient, group };
    let page = queries::page(&api.reads, &filter, &request).await?;
    Ok(Json(Listing::of(page, GroupView::from)))
}
