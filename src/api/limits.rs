//! Bounds that hold for every request: how many at once, how long, and what a defect may cost.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::ApiConfig;
use crate::error::{ApiError, Code};

/// Paths that carry files: they take as long as the network does.
const UPLOADS: [&str; 3] = ["/v1/reports", "/v1/artifacts", "/v1/bulk/subscriptions"];
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

    /// Waits until a request has taken too long. As long as it has not arrived, its sender is late; from then on we
    /// are, and what it asks for may have become durable without our knowing.
    async fn passed(&self, is_upload: bool, arrived: &CancellationToken) -> ApiError {
        if is_upload && timeout(self.upload, arrived.cancelled()).await.is_err() {
            return not_arrived(self.upload);
        }
        sleep(self.request).await;
        if !arrived.is_cancelled() {
            return not_arrived(self.request);
        }
        let detail = format!(
            "not answered within {} ms: it may still be carried out; repeat it, a change under the \
             same Idempotency-Key",
            self.request.as_millis()
        );
        ApiError::new(Code::Unavailable, detail)
    }
}

fn not_arrived(allowed: Duration) -> ApiError {
    let detail = format!("it had not arrived within {} ms", allowed.as_millis());
    ApiError::new(Code::Timeout, detail)
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
    let is_upload = request.method() == Method::POST && UPLOADS.contains(&path);
    let _place = if PROBES.contains(&path) {
        None
    } else {
        let Ok(place) = limits.places.clone().try_acquire_owned() else {
            return ApiError::new(Code::Overloaded, "nothing was done; try again").into_response();
        };
        Some(place)
    };
    let arrived = CancellationToken::new();
    let request = request.map(|body| Arriving::watch(body, &arrived));
    let answered = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    tokio::select! {
        biased;
        answered = answered => answered.unwrap_or_else(|_| {
            error!("a handler panicked");
            ApiError::new(Code::Internal, "a defect; the log says more").into_response()
        }),
        late = limits.passed(is_upload, &arrived) => late.into_response(),
    }
}

/// A request's body that tells when it has arrived, or nobody wants more of it.
struct Arriving {
    body: Body,
    arrived: CancellationToken,
}

impl Arriving {
    fn watch(body: Body, arrived: &CancellationToken) -> Body {
        if body.is_end_stream() {
            arrived.cancel();
            return body;
        }
        Body::new(Self { body, arrived: arrived.clone() })
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.arrived.cancel();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.arrived.cancel();
    }
}
