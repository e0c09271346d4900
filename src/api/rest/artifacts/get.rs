use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use schema::Sha256;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Path;
use crate::state::ApiState;

/// An artifact's bytes
///
/// Verified on the way: when they are not those that were stored, the answer breaks off before its end.
#[utoipa::path(
    get, path = "/v1/artifacts/{sha256}", tag = "artifacts",
    params(("sha256" = String, Path, description = "SHA-256 of its bytes, 64 hexadecimal digits")),
    responses((status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub async fn get_artifact(
    State(api): State<ApiState>,
    Path(sha256): Path<String>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let sha256: Sha256 = sha256.parse()?;
    let reader = api.artifacts.open_read(&caller.tenant, sha256).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, reader.size_bytes().to_string()),
        (ETAG, format!("\"{sha256}\"")),
        (CACHE_CONTROL, "private, immutable, max-age=31536000".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(reader)).into_response())
}
