//! A node over a log that is not the one it knew takes nothing in: one layer says no to every change, whichever it is.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::access::changes;
use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// The layer, within the one that knows callers: reads go on.
pub(crate) async fn refuse(
    State(api): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match api.readiness.held() {
        Some(why) if changes(request.method(), path) => Err(ApiError::new(Code::Unavailable, why)),
        _ => Ok(next.run(request).await),
    }
}
