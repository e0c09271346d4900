//! An HTTP server that answers as told and keeps what it got. It knows nothing of deliveries.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the sink does with one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and a Retry-After of so many seconds.
    RetryAfter(u16, u64),
    /// Takes the request and closes the connection without a word.
    HangUp,
    /// Takes the request and answers 200 when the gate opens.
    WaitForGate,
}

/// One request as received.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Book {
    received: Vec<Received>,
    scripts: HashMap<String, VecDeque<Answer>>,
    under_way: usize,
    most_under_way: usize,
}

pub struct Sink {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    gate: watch::Sender<bool>,
    count: watch::Receiver<usize>,
}

impl Sink {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let (gate, opened) = watch::channel(false);
        let (counted, count) = watch::channel(0);
        let serving = Arc::clone(&book);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection =
                    serve(stream, Arc::clone(&serving), opened.clone(), counted.clone());
                tokio::spawn(connection);
            }
        });
        Self { address, book, gate, count }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The answers to the next requests for `path`, in order; then 200.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.book.lock().unwrap().scripts.insert(path.to_owned(), answers);
    }

    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub fn received(&self, path: &str) -> Vec<Received> {
        let book = self.book.lock().unwrap();
        book.received.iter().filter(|request| request.path == path).cloned().collect()
    }

    pub fn most_under_way(&self) -> usize {
        self.book.lock().unwrap().most_under_way
    }

    /// Waits until `path` was asked for `count` times.
    pub async fn until_received(&self, path: &str, count: usize) -> Vec<Received> {
        let mut counts = self.count.clone();
        let enough = async {
            loop {
                let received = self.received(path);
                if received.len() >= count {
                    return received;
                }
                counts.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), enough).await;
        waited.unwrap_or_else(|_| panic!("{path} got {} requests", self.received(path).len()))
    }
}

async fn serve(
    stream: TcpStream,
    book: Arc<Mutex<Book>>,
    opened: watch::Receiver<bool>,
    counted: watch::Sender<usize>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let answer = {
            let mut book = book.lock().unwrap();
            book.under_way += 1;
            book.most_under_way = book.most_under_way.max(book.under_way);
            let script = book.scripts.get_mut(&request.path);
            let answer = script.and_then(VecDeque::pop_front).unwrap_or(Answer::Status(200));
            book.received.push(request);
            answer
        };
        counted.send_modify(|count| *count += 1);
        let open = answer_with(&mut stream, answer, opened.clone()).await;
        book.lock().unwrap().under_way -= 1;
        if open.is_none() {
            return;
        }
    }
}

async fn answer_with(
    stream: &mut BufReader<TcpStream>,
    answer: Answer,
    mut opened: watch::Receiver<bool>,
) -> Option<()> {
    let head = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} As-Told\r\ncontent-length: 2\r\n"),
        Answer::RetryAfter(status, seconds) => {
            format!("HTTP/1.1 {status} Later\r\nretry-after: {seconds}\r\ncontent-length: 2\r\n")
        }
        Answer::HangUp => return None,
        Answer::WaitForGate => {
            opened.wait_for(|open| *open).await.ok()?;
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n".to_owned()
        }
    };
    stream.write_all(format!("{head}\r\nok").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { path, headers, body })
}
