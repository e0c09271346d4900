use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A request body that remembers whether it was taken up for sending. hyper asks for it only once the connection stands
/// and the request's head is written: as long as it did not, nothing of the report has left.
pub struct WatchedBody {
    content: Option<Bytes>,
    taken: Arc<AtomicBool>,
}

impl WatchedBody {
    /// The body and what it remembers.
    pub fn new(content: Bytes) -> (Self, Arc<AtomicBool>) {
        let taken = Arc::new(AtomicBool::new(false));
        (Self { content: Some(content), taken: Arc::clone(&taken) }, taken)
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        this.taken.store(true, Relaxed);
        Poll::Ready(this.content.take().map(|content| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.as_ref().map_or(0, Bytes::len) as u64)
    }
}
