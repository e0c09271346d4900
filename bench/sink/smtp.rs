use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Records;

/// An SMTP server (RFC 5321) that takes every mail and keeps its Message-ID. No TLS, no AUTH: it listens on loopback
/// and exists to be fast.
pub struct SmtpSink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What came, by Message-ID without angle brackets.
    pub records: Records,
    bytes: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl SmtpSink {
    /// Starts on a free loopback port; waits `delay` before it takes each mail.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(delay: Duration, keep_mails: bool) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let sink = Self {
            address: listener.local_addr()?,
            records: Records::default(),
            bytes: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (records, bytes) = (sink.records.clone(), Arc::clone(&sink.bytes));
        let session = Session { delay, keep_mails, records, bytes };
        tokio::spawn(sink.stop.clone().run_until_cancelled_owned(accept(listener, session)));
        Ok(sink)
    }

    /// Bytes of all mails so far, as they came over the wire.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Session {
    delay: Duration,
    keep_mails: bool,
    records: Records,
    bytes: Arc<AtomicU64>,
}

async fn accept(listener: TcpListener, session: Session) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let session = session.clone();
        // A client that goes away in mid-session is the client's affair.
        tokio::spawn(async move { session.serve(stream).await.ok() });
    }
}

/// One client's connection. Answers to pipelined commands leave together.
struct Talk {
    stream: BufReader<TcpStream>,
    unsent: Vec<u8>,
}

impl Talk {
    fn answer(&mut self, text: &str) {
        self.unsent.extend_from_slice(text.as_bytes());
        self.unsent.extend_from_slice(b"\r\n");
    }

    /// The next line, after what was answered has left; empty at the end.
    async fn line(&mut self, line: &mut Vec<u8>) -> Result<()> {
        line.clear();
        if self.stream.buffer().is_empty() && !self.unsent.is_empty() {
            self.stream.write_all(&self.unsent).await?;
            self.unsent.clear();
        }
        self.stream.read_until(b'\n', line).await?;
        Ok(())
    }
}

impl Session {
    async fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut talk = Talk { stream: BufReader::new(stream), unsent: Vec::new() };
        let mut line = Vec::new();
        talk.answer("220 sink ESMTP");
        loop {
            talk.line(&mut line).await?;
            if line.is_empty() {
                return Ok(());
            }
            let verb = line.iter().take(4).map(u8::to_ascii_uppercase).collect::<Vec<_>>();
            match verb.as_slice() {
                b"EHLO" => talk.answer("250-sink\r\n250-8BITMIME\r\n250 PIPELINING"),
                b"DATA" => {
                    talk.answer("354 go on");
                    self.take(&mut talk).await?;
                    talk.answer("250 2.0.0 taken");
                }
                b"QUIT" => return Ok(talk.stream.write_all(b"221 bye\r\n").await?),
                b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => talk.answer("250 2.1.0 fine"),
                _ => talk.answer("500 5.5.1 unknown"),
            }
        }
    }

    async fn take(&self, talk: &mut Talk) -> Result<()> {
        let (mut mail, mut message_id, mut in_header) = (Vec::new(), None, true);
        let (mut line, mut bytes) = (Vec::new(), 0);
        loop {
            talk.line(&mut line).await?;
            if line.is_empty() {
                anyhow::bail!("the mail was cut off");
            }
            if line == b".\r\n" {
                break;
            }
            bytes += line.len() as u64;
            in_header &= line != b"\r\n";
            if in_header && message_id.is_none() {
                message_id = message_id_of(&line);
            }
            if self.keep_mails {
                mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let body = self.keep_mails.then_some(mail.as_slice());
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.records.note(&message_id.unwrap_or_default(), true, body);
        Ok(())
    }
}

fn message_id_of(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?;
    let (name, value) = text.split_once(':')?;
    name.eq_ignore_ascii_case("message-id")
        .then(|| value.trim().trim_matches(['<', '>']).to_owned())
}
