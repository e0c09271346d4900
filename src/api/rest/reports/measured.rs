use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, Bytes};
use futures::{Stream, StreamExt};

/// Bytes that may come before a part's content: what stands before the first part, between two, and in a part's head.
pub(super) const MAX_BETWEEN_BYTES: usize = 64 * 1024;
/// Bytes handed on at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How much of a body was handed on: in all, and since something came of it.
#[derive(Clone, Default)]
pub(super) struct Gauge(Arc<Counts>);

#[derive(Default)]
struct Counts {
    total: AtomicU64,
    unclaimed: AtomicUsize,
    is_full: AtomicBool,
}

impl Gauge {
    /// Something came of what was handed on.
    pub(super) fn claim(&self) {
        self.0.unclaimed.store(0, Ordering::Relaxed);
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Whether more came than a part's head may take.
    pub(super) fn is_full(&self) -> bool {
        self.0.is_full.load(Ordering::Relaxed)
    }
}

/// A multipart body whose reader keeps all it is given until it finds what it looks for, and takes all there is: so it
/// is given one piece at a time, and no more than a part's head may take.
pub(super) struct Measured {
    body: BodyDataStream,
    rest: Bytes,
    gauge: Gauge,
    has_given: bool,
}

impl Measured {
    pub(super) fn new(body: Body, gauge: Gauge) -> Self {
        let (body, rest) = (body.into_data_stream(), Bytes::new());
        Self { body, rest, gauge, has_given: false }
    }
}

impl Stream for Measured {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match ready!(self.body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        if self.gauge.0.unclaimed.load(Ordering::Relaxed) >= MAX_BETWEEN_BYTES {
            self.gauge.0.is_full.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(axum::Error::new("too much before a part"))));
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.gauge.0.total.fetch_add(length as u64, Ordering::Relaxed);
        self.gauge.0.unclaimed.fetch_add(length, Ordering::Relaxed);
        self.has_given = true;
        Poll::Ready(Some(Ok(piece)))
    }
}
