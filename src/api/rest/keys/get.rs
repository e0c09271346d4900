use axum::extract::State;
use projections::tenants::queries;
use schema::ApiKeyId;

use super::body::KeyView;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One key, without its secret
#[utoipa::path(
    get, path = "/v1/keys/{key}", tag = "keys",
    params(("key" = String, Path, description = "Public part of the key"), AtLeastQuery),
    responses((status = 200, description = "The key", body = KeyView))
)]
pub async fn get_key(
    State(api): State<ApiState>,
    Path(key): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<KeyView>, ApiError> {
    let key = ApiKeyId::try_new(key)?;
    at_least.wait(&api, "tenants").await?;
    let ids = [key.to_string()];
    let rows = queries::api_keys_by_ids(&api.reads, caller.tenant.as_str(), &ids).await?;
    let row = rows.into_iter().next();
    let view = KeyView::from(row.ok_or_else(|| ApiError::not_found("key", key.as_str()))?);
    Ok(Tagged { sequence: view.sequence(), value: view })
}
