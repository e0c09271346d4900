use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Aside;

/// Largest request taken.
const MAX_BYTES: usize = 16 << 20;
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// An HTTP/1.1 server that says 204 to everything at as little cost as possible, on a thread of its own: it shares the
/// cores with what is measured.
pub struct FastSink {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Seen>,
    _aside: Aside,
}

#[derive(Default)]
struct Seen {
    count: AtomicU64,
    versions: Option<Mutex<HashMap<String, Instant>>>,
    /// The first body.
    sample: OnceLock<Vec<u8>>,
}

impl FastSink {
    /// Starts on a free loopback port; `keep_versions` to know when each report version came first.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(keep_versions: bool) -> Result<Self> {
        let aside = Aside::start("fast-sink")?;
        let versions = keep_versions.then(Mutex::default);
        let seen = Arc::new(Seen { versions, ..Seen::default() });
        let noted = Arc::clone(&seen);
        let address = aside
            .run(async move {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let address = listener.local_addr()?;
                tokio::spawn(accept(listener, noted));
                Ok(address)
            })
            .await?;
        Ok(Self { address, seen, _aside: aside })
    }

    /// The URL of a path on this sink.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.seen.count.load(Ordering::Relaxed)
    }

    /// The body of the first request.
    #[must_use]
    pub fn sample(&self) -> Option<Vec<u8>> {
        self.seen.sample.get().cloned()
    }

    /// When each version came first; empty when they are not kept.
    #[must_use]
    pub fn versions(&self) -> HashMap<String, Instant> {
        let versions = self.seen.versions.as_ref();
        versions.map_or_else(HashMap::new, |versions| {
            versions.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let seen = Arc::clone(&seen);
        // A client that goes away in mid-request is the client's affair.
        tokio::spawn(async move { serve(stream, &seen).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, seen: &Seen) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(16 << 10);
    while stream.read_buf(&mut buffer).await? > 0 {
        while let Some((head, length)) = request(&buffer)? {
            seen.count.fetch_add(1, Ordering::Relaxed);
            seen.sample.get_or_init(|| buffer[head..head + length].to_vec());
            if let Some(versions) = &seen.versions {
                let version = version(&buffer[head..head + length]).unwrap_or_default();
                let mut versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
                versions.entry(version).or_insert_with(Instant::now);
            }
            buffer.advance(head + length);
            stream.write_all(TAKEN).await?;
        }
        ensure!(buffer.len() < MAX_BYTES, "a request too large");
        buffer.reserve(4 << 10);
    }
    Ok(())
}

/// Length of head and body of the first request in `buffer`, when it is whole.
fn request(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end])?;
    let length = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("no content-length")?
        .1
        .trim()
        .parse()?;
    let whole = buffer.len() >= end + 4 + length;
    Ok(whole.then_some((end + 4, length)))
}

/// The report version a webhook tells of.
fn version(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"version\":\"";
    let rest = &body[find(body, KEY)? + KEY.len()..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
