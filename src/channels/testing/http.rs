use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a request it has read whole.
#[derive(Clone)]
pub enum Answer {
    /// These bytes, head and all.
    Raw(String),
    /// Close without a word.
    HangUp,
    /// Nothing, ever.
    Silent,
    /// Close in the middle of the body.
    Slam,
}

impl Answer {
    /// A status with extra header lines and a body.
    pub fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}"))
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// An HTTP/1.1 server of ours on a free port of 127.0.0.1: the n-th request has the n-th answer (the last one for all
/// that follow).
pub struct Receiver {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    pub async fn start(answers: Vec<Answer>) -> Self {
        Self::start_with(answers, None).await
    }

    pub async fn start_with(answers: Vec<Answer>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                let (answers, seen, tls) = (answers.clone(), Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    // A connection that a test drops is no failure of the receiver.
                    let _ = match tls {
                        None => serve(stream, &answers, &seen).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &answers, &seen).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self { address, requests, connections }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &[Answer],
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        if matches!(answers[0], Answer::Slam) {
            read_head(&mut stream).await?;
            stream.read_u8().await?;
            return Ok(());
        }
        let Some(request) = read(&mut stream).await? else { return Ok(()) };
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        match &answers[number.min(answers.len() - 1)] {
            Answer::Raw(bytes) => stream.write_all(bytes.as_bytes()).await?,
            Answer::HangUp | Answer::Slam => return Ok(()),
            Answer::Silent => std::future::pending().await,
        }
        stream.flush().await?;
    }
}

async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<Request>> {
    let Some((line, headers)) = read_head(stream).await? else { return Ok(None) };
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Request { line, headers, body }))
}

async fn read_head(
    stream: &mut BufReader<impl AsyncRead + Unpin>,
) -> std::io::Result<Option<(String, BTreeMap<String, String>)>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    Ok(Some((line.trim_end().to_owned(), headers)))
}
