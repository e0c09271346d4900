//! Bounds that hold for every request: how many at once, how long, and what a defect may cost.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::error;

use crate::ApiConfig;
use crate::error::{ApiError, Code};

/// Paths that carry files: they take as long as the network does.
const UPLOADS: [&str; 2] = ["/v1/reports", "/v1/artifacts"];
/// Probes are answered however much is under way: a node that sheds load is not dead.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The bounds, shared by all requests.
#[derive(Clone)]
pub(crate) struct Limits {
    places: Arc<Semaphore>,
    request: Duration,
    upload: Duration,
}

impl Limits {
    pub(crate) fn new(config: &ApiConfig) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.request_limit)),
            request: Duration::from_millis(config.request_timeout_ms),
            upload: Duration::from_millis(config.upload_timeout_ms),
        }
    }
}

impl Limits {
    /// The places for requests, for those that come over a WebSocket.
    pub(crate) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.places)
    }
}

/// The layer: sheds what is too much, ends what takes too long, and turns a panic into a problem.
pub(crate) async fn hold(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let allowed = if request.method() == Method::POST && UPLOADS.contains(&path) {
        limits.upload
    } else {
        limits.request
    };
    let _place = if PROBES.contains(&path) {
        None
    } else {
        let Ok(place) = limits.places.clone().try_acquire_owned() else {
            return ApiError::new(Code::Overloaded, "nothing was done; try again").into_response();
        };
        Some(place)
    };
    let answered = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    match timeout(allowed, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            error!("a handler panicked");
            ApiError::new(Code::Internal, "a defect; the log says more").into_response()
        }
        Err(_) => {
            let detail = format!(
                "not answered within {} ms; it may still be carried out",
                allowed.as_millis()
            );
            ApiError::new(Code::Timeout, detail).into_response()
        }
    }
}
