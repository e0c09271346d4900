use axum::Json;
use axum::extract::State;
use projections::tenants::queries;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::KeyView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::state::ApiState;

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// All keys of the tenant, newest first
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", params(Which),
    responses((status = 200, description = "A page of keys", body = Listing<KeyView>))
)]
pub async fn list_keys(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<KeyView>>, ApiError> {
    let request = page_request(which.limit, which.after.as_deref())?;
    at_least.wait(&api, "tenants").await?;
    let page = queries::api_keys(&api.reads, caller.tenant.as_str(), &request).await?;
    Ok(Json(Listing::of(page, KeyView::from)))
}
