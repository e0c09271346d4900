use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How one connection is treated. Verbs: `GREETING`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `DOT`, `RSET`,
/// `NOOP`, `QUIT`.
#[derive(Clone, Default)]
pub struct Script {
    /// Replies other than the usual ones, without their CRLF.
    pub say: Vec<(&'static str, &'static str)>,
    /// Close instead of answering this verb.
    pub hang_up_at: Option<&'static str>,
    /// Close right after answering this verb.
    pub hang_up_after: Option<&'static str>,
    /// Never answer this verb.
    pub silent_at: Option<&'static str>,
    /// Extensions offered in answer to EHLO.
    pub offers: Vec<&'static str>,
    /// Verbs refused with 503 when they come again.
    pub once: Vec<&'static str>,
    /// For STARTTLS, or from the first byte when `implicit`.
    pub tls: Option<TlsAcceptor>,
    pub implicit: bool,
}

/// A mail as the relay took it: what came between DATA and the final dot, dot-stuffing undone.
#[derive(Clone, Debug)]
pub struct Taken {
    pub from: String,
    pub to: String,
    pub content: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    taken: Mutex<Vec<Taken>>,
    commands: Mutex<Vec<String>>,
}

/// An SMTP server of ours on a free port of 127.0.0.1, treating its n-th connection by the n-th script (the last one
/// for all that follow).
pub struct Relay {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}
type Line = BufReader<Box<dyn Duplex>>;

impl Relay {
    pub async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, SeqCst);
                let script = scripts[number.min(scripts.len() - 1)].clone();
                let seen = Arc::clone(&shared);
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    // A connection that a test drops is no failure of the relay.
                    let _ = converse(Box::new(stream), &script, &seen).await;
                });
            }
        });
        Self { address, seen }
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.seen.taken.lock().unwrap().clone()
    }

    pub fn commands(&self) -> Vec<String> {
        self.seen.commands.lock().unwrap().clone()
    }
}

async fn converse(stream: Box<dyn Duplex>, script: &Script, seen: &Seen) -> std::io::Result<()> {
    let mut line: Line = BufReader::new(stream);
    if script.implicit {
        line = encrypt(line, script).await?;
    }
    let (mut from, mut to, mut heard) = (String::new(), String::new(), HashSet::new());
    if !answer(&mut line, script, "GREETING", "220 relay.test ESMTP").await? {
        return Ok(());
    }
    loop {
        let mut command = String::new();
        if line.read_line(&mut command).await? == 0 {
            return Ok(());
        }
        let command = command.trim_end().to_owned();
        seen.commands.lock().unwrap().push(command.clone());
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let again = !heard.insert(verb.clone()) && script.once.contains(&verb.as_str());
        let usual = match verb.as_str() {
            _ if again => "503 5.5.1 once is enough".to_owned(),
            "EHLO" => greeting(&script.offers),
            "STARTTLS" => "220 2.0.0 go".to_owned(),
            "AUTH" => "235 2.7.0 welcome".to_owned(),
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 2.0.0 bye".to_owned(),
            _ => "250 2.0.0 ok".to_owned(),
        };
        match verb.as_str() {
            "MAIL" => from = between(&command),
            "RCPT" => to = between(&command),
            _ => {}
        }
        if !answer(&mut line, script, &verb, &usual).await? {
            return Ok(());
        }
        if verb == "STARTTLS" {
            line = encrypt(line, script).await?;
        }
        if verb == "DATA" && !script.say.iter().any(|(verb, _)| *verb == "DATA") {
            let content = content(&mut line).await?;
            if script.hang_up_at != Some("DOT") && script.silent_at != Some("DOT") {
                let taken = Taken { from: from.clone(), to: to.clone(), content };
                seen.taken.lock().unwrap().push(taken);
            }
            if !answer(&mut line, script, "DOT", "250 2.0.0 queued as 4711").await? {
                return Ok(());
            }
        }
    }
}

async fn encrypt(line: Line, script: &Script) -> std::io::Result<Line> {
    let acceptor = script.tls.clone().unwrap();
    let stream = acceptor.accept(line.into_inner()).await?;
    Ok(BufReader::new(Box::new(stream)))
}

/// `false` when the script ends the conversation here.
async fn answer(
    line: &mut Line,
    script: &Script,
    verb: &str,
    usual: &str,
) -> std::io::Result<bool> {
    if script.hang_up_at == Some(verb) {
        return Ok(false);
    }
    if script.silent_at == Some(verb) {
        std::future::pending::<()>().await;
    }
    let said = script.say.iter().find(|(said_at, _)| *said_at == verb);
    let reply = said.map_or(usual, |(_, reply)| reply);
    line.write_all(format!("{reply}\r\n").as_bytes()).await?;
    line.flush().await?;
    Ok(script.hang_up_after != Some(verb))
}

fn greeting(offers: &[&str]) -> String {
    let mut lines = vec!["relay.test"];
    lines.extend(offers);
    let last = lines.pop().unwrap();
    let mut reply: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
    reply.push_str(&format!("250 {last}"));
    reply
}

async fn content(line: &mut Line) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut read = Vec::new();
        if line.read_until(b'\n', &mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if read == b".\r\n" {
            return Ok(content);
        }
        content.extend_from_slice(read.strip_prefix(b".").unwrap_or(&read));
    }
}

fn between(command: &str) -> String {
    let start = command.find('<').unwrap() + 1;
    command[start..command.rfind('>').unwrap()].to_owned()
}
