use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Records;

/// Largest body taken.
const MAX_BODY_BYTES: usize = 16 << 20;

/// How the sink behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebhookSinkConfig {
    /// Waits so long before each answer.
    pub delay: Duration,
    /// Keeps the body of each first request.
    pub keep_bodies: bool,
}

/// An HTTP server that takes webhooks. The path says how it answers: `/ok…` 204; `/flaky/N…` 503 to the first N
/// requests of each webhook-id, then 204; `/sick…` 503 until [`WebhookSink::heal`]; `/broken…` 500; `/gone…` 410.
pub struct WebhookSink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What came, by webhook-id.
    pub records: Records,
    sick: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl WebhookSink {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(config: WebhookSinkConfig) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let sink = Self {
            address: listener.local_addr()?,
            records: Records::default(),
            sick: Arc::new(AtomicBool::new(true)),
            stop: CancellationToken::new(),
        };
        let serving =
            Serving { config, records: sink.records.clone(), sick: Arc::clone(&sink.sick) };
        tokio::spawn(sink.stop.clone().run_until_cancelled_owned(accept(listener, serving)));
        Ok(sink)
    }

    /// The URL of a path on this sink.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on `/sick` answers 204.
    pub fn heal(&self) {
        self.sick.store(false, Ordering::Relaxed);
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Serving {
    config: WebhookSinkConfig,
    records: Records,
    sick: Arc<AtomicBool>,
}

async fn accept(listener: TcpListener, serving: Serving) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(connection(stream, serving.clone()));
    }
}

async fn connection(stream: TcpStream, serving: Serving) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let serving = serving.clone();
        async move { Ok::<_, Infallible>(serving.answer(request).await) }
    });
    // A client that goes away in mid-request is the client's affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Serving {
    async fn answer(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        };
        if !self.config.delay.is_zero() {
            tokio::time::sleep(self.config.delay).await;
        }
        let id = head.headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or("");
        let code = self.code_for(head.uri.path(), id);
        let kept = self.config.keep_bodies.then(|| body.to_bytes());
        self.records.note(id, code.is_success(), kept.as_deref());
        status(code)
    }

    fn code_for(&self, path: &str, id: &str) -> StatusCode {
        let mut parts = path.trim_start_matches('/').split('/');
        match parts.next() {
            Some("flaky") => {
                let failures = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
                if self.records.seen(id) < failures {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::NO_CONTENT
                }
            }
            Some("sick") if self.sick.load(Ordering::Relaxed) => StatusCode::SERVICE_UNAVAILABLE,
            Some("broken") => StatusCode::INTERNAL_SERVER_ERROR,
            Some("gone") => StatusCode::GONE,
            _ => StatusCode::NO_CONTENT,
        }
    }
}

fn status(code: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = code;
    response
}
