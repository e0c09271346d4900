use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a session must know of its stream beyond what lettre tells.
#[derive(Default)]
pub struct WireWatch {
    /// The last write failed, and nothing was read after the write before it: what was being written did not leave
    /// whole.
    write_failed: AtomicBool,
    reading: AtomicBool,
    /// Read byte by byte, so that nothing said before TLS can be taken for something said under it (the response
    /// injection of RFC 3207's implementations, CVE-2021-38371 and others).
    bytewise: AtomicBool,
    /// What is written is held until it is released, and then leaves in one write with what follows.
    holding: AtomicBool,
    /// Something is held, or was released and has not left whole.
    unsent: AtomicBool,
}

impl WireWatch {
    /// Holds what is written from now on.
    pub fn hold(&self) {
        self.holding.store(true, Relaxed);
    }

    /// Lets what is held go, together with the next write.
    pub fn release(&self) {
        self.holding.store(false, Relaxed);
    }

    pub fn has_unsent(&self) -> bool {
        self.unsent.load(Relaxed)
    }

    pub fn write_failed(&self) -> bool {
        self.write_failed.load(Relaxed)
    }

    pub fn set_bytewise(&self, bytewise: bool) {
        self.bytewise.store(bytewise, Relaxed);
    }
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The stream under an SMTP session.
pub struct Wire {
    stream: Stream,
    peer: SocketAddr,
    watch: Arc<WireWatch>,
    held: Vec<u8>,
    /// How much of `held` the stream has taken.
    taken: usize,
}

impl Wire {
    pub fn clear(stream: TcpStream, peer: SocketAddr, watch: Arc<WireWatch>) -> Self {
        Self { stream: Stream::Clear(stream), peer, watch, held: Vec::new(), taken: 0 }
    }

    pub fn tls(stream: TlsStream<TcpStream>, peer: SocketAddr, watch: Arc<WireWatch>) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), peer, watch, held: Vec::new(), taken: 0 }
    }

    /// Gives what was held to the stream.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.held.len() {
            let rest = &self.held[self.taken..];
            let taken = ready!(match &mut self.stream {
                Stream::Clear(stream) => Pin::new(stream).poll_write(cx, rest),
                Stream::Tls(stream) => Pin::new(stream).poll_write(cx, rest),
            })?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += taken;
        }
        Poll::Ready(Ok(()))
    }

    fn wrote<T>(&self, written: io::Result<T>) -> Poll<io::Result<T>> {
        match &written {
            Ok(_) => self.watch.reading.store(false, Relaxed),
            Err(_) if !self.watch.reading.load(Relaxed) => {
                self.watch.write_failed.store(true, Relaxed);
            }
            Err(_) => {}
        }
        Poll::Ready(written)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.watch.reading.store(true, Relaxed);
        let bytewise = this.watch.bytewise.load(Relaxed);
        match &mut this.stream {
            Stream::Clear(stream) if bytewise => {
                let mut byte = [0];
                let mut one = ReadBuf::new(&mut byte);
                ready!(Pin::new(stream).poll_read(cx, &mut one))?;
                buf.put_slice(one.filled());
                Poll::Ready(Ok(()))
            }
            Stream::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.watch.holding.load(Relaxed) || !this.held.is_empty() {
            this.held.extend_from_slice(bytes);
            this.watch.unsent.store(true, Relaxed);
            return this.wrote(Ok(bytes.len()));
        }
        let written = ready!(match &mut this.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        });
        this.wrote(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.holding.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = ready!(this.poll_held(cx)) {
            return this.wrote(Err(error));
        }
        let flushed = ready!(match &mut this.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        });
        if flushed.is_ok() {
            this.held.clear();
            this.taken = 0;
            this.watch.unsent.store(false, Relaxed);
        }
        this.wrote(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Wire, Arc<WireWatch>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let watch = Arc::new(WireWatch::default());
        (Wire::clear(stream, address, Arc::clone(&watch)), watch, other)
    }

    #[tokio::test]
    async fn what_is_held_leaves_with_what_follows_and_not_before() {
        let (mut wire, watch, mut other) = pair().await;
        watch.hold();
        wire.write_all(b"content").await.unwrap();
        wire.flush().await.unwrap();
        assert!(watch.has_unsent());
        watch.release();
        wire.write_all(b" and dot").await.unwrap();
        let nothing = other.try_read(&mut [0; 99]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        wire.flush().await.unwrap();
        assert!(!watch.has_unsent() && !watch.write_failed());
        wire.write_all(b", then plainly").await.unwrap();
        drop(wire);
        let mut read = String::new();
        other.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "content and dot, then plainly");
    }

    #[tokio::test]
    async fn what_the_other_side_does_not_take_stays_unsent() {
        let (mut wire, watch, other) = pair().await;
        watch.hold();
        // More than any socket buffer holds.
        wire.write_all(&vec![b'x'; 32 << 20]).await.unwrap();
        watch.release();
        let soon = std::time::Duration::from_millis(50);
        tokio::time::timeout(soon, wire.flush()).await.unwrap_err();
        assert!(watch.has_unsent());
        drop(other);
        wire.flush().await.unwrap_err();
        assert!(watch.has_unsent() && watch.write_failed());
    }
}
