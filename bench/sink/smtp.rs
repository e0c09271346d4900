use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
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
            stop: CancellationToken::new(),
        };
        let session = Session { delay, keep_mails, records: sink.records.clone() };
        tokio::spawn(sink.stop.clone().run_until_cancelled_owned(accept(listener, session)));
        Ok(sink)
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
}

async fn accept(listener: TcpListener, session: Session) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let session = session.clone();
        // A client that goes away in mid-session is the client's affair.
        tokio::spawn(async move { session.serve(stream).await.ok() });
    }
}

impl Session {
    async fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufStream::new(stream);
        let mut line = Vec::new();
        answer(&mut stream, "220 sink ESMTP").await?;
        loop {
            line.clear();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let verb = line.iter().take(4).map(u8::to_ascii_uppercase).collect::<Vec<_>>();
            match verb.as_slice() {
                b"EHLO" => answer(&mut stream, "250-sink\r\n250-8BITMIME\r\n250 PIPELINING").await?,
                b"DATA" => {
                    answer(&mut stream, "354 go on").await?;
                    self.take(&mut stream).await?;
                    answer(&mut stream, "250 2.0.0 taken").await?;
                }
                b"QUIT" => return answer(&mut stream, "221 bye").await,
                b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => {
                    answer(&mut stream, "250 2.1.0 fine").await?;
                }
                _ => answer(&mut stream, "500 5.5.1 unknown").await?,
            }
        }
    }

    async fn take(&self, stream: &mut BufStream<TcpStream>) -> Result<()> {
        let (mut mail, mut message_id, mut in_header) = (Vec::new(), None, true);
        let mut line = Vec::new();
        loop {
            line.clear();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                anyhow::bail!("the mail was cut off");
            }
            if line == b".\r\n" {
                break;
            }
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

async fn answer(stream: &mut BufStream<TcpStream>, text: &str) -> Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await?;
    Ok(())
}
