use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A webhook receiver that keeps each request whole: path, headers, body.
pub struct Hook {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stop: CancellationToken,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Hook {
    /// Starts on a free loopback port. A path that begins with `/echo` is answered 500 with all that was said, one
    /// that begins with `/moved` with a redirection to the rest of it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hook = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            stop: CancellationToken::new(),
        };
        let accepting = accept(listener, Arc::clone(&hook.received));
        tokio::spawn(hook.stop.clone().run_until_cancelled_owned(accepting));
        hook
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, received: Arc<Mutex<Vec<Received>>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let received = Arc::clone(&received);
        // A client that goes away in mid-request is the client's affair.
        tokio::spawn(async move { serve(stream, &received).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, received: &Mutex<Vec<Received>>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (path, headers) = read_head(&head);
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let said = String::from_utf8_lossy(&bytes).into_owned();
    let body = bytes[end + 4..].to_vec();
    received.lock().unwrap().push(Received { path: path.clone(), headers, body });
    let answer = if path.starts_with("/echo") {
        format!(
            "HTTP/1.1 500 Sorry\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
            said.len()
        )
    } else if let Some(other) = path.strip_prefix("/moved") {
        format!(
            "HTTP/1.1 307 There\r\nlocation: {other}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    } else {
        "HTTP/1.1 204 Taken\r\nconnection: close\r\n\r\n".to_owned()
    };
    stream.write_all(answer.as_bytes()).await
}

fn read_head(head: &str) -> (String, HeaderMap) {
    let mut lines = head.split("\r\n");
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value.trim()).unwrap())
    });
    (path, headers.collect())
}
