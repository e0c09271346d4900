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
}

impl WireWatch {
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
}

impl Wire {
    pub fn clear(stream: TcpStream, peer: SocketAddr, watch: Arc<WireWatch>) -> Self {
        Self { stream: Stream::Clear(stream), peer, watch }
    }

    pub fn tls(stream: TlsStream<TcpStream>, peer: SocketAddr, watch: Arc<WireWatch>) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), peer, watch }
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
        let written = ready!(match &mut this.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        });
        this.wrote(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = ready!(match &mut this.stream {
            Stream::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        });
        this.wrote(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
