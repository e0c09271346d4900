use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio_util::sync::CancellationToken;

use super::lines::{Command, command, message};
use crate::{Incoming, Recorded, ReturnDesk, ReturnError};

/// Recipients of one message at most (RFC 5321 §4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;
/// Commands that make no sense, before the conversation is ended.
const MAX_MISTAKES: u32 = 20;

/// One conversation.
pub(super) struct Session<S> {
    stream: BufStream<S>,
    desk: Arc<ReturnDesk>,
    greeted: bool,
    /// A message was begun: MAIL FROM was given.
    begun: bool,
    recipients: Vec<String>,
    mistakes: u32,
}

/// What follows a command.
enum Next {
    Say(String),
    ReadMessage,
    Quit,
}

fn say(text: &str) -> Next {
    Next::Say(text.to_owned())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S, desk: Arc<ReturnDesk>) -> Self {
        let stream = BufStream::new(stream);
        Self { stream, desk, greeted: false, begun: false, recipients: vec![], mistakes: 0 }
    }

    /// Goes on until one side ends it.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> io::Result<()> {
        self.answer("220 waybill LMTP").await?;
        loop {
            let Some(read) = stop.run_until_cancelled(command(&mut self.stream)).await else {
                return self.answer("421 4.3.2 going down").await;
            };
            let next = match read? {
                Command::Gone => return Ok(()),
                Command::TooLong => self.mistake("500 5.5.2 the line is too long"),
                Command::Line(line) => self.obey(&line),
            };
            match next {
                Next::Say(text) => self.answer(&text).await?,
                Next::ReadMessage => self.take().await?,
                Next::Quit => return self.answer("221 2.0.0 bye").await,
            }
            if self.mistakes > MAX_MISTAKES {
                return self.answer("421 4.7.0 too many mistakes").await;
            }
        }
    }

    async fn answer(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    fn obey(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => {
                self.reset();
                self.greeted = true;
                let limit_bytes = self.desk.config().max_message_bytes;
                say(&format!(
                    "250-waybill\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SIZE {limit_bytes}"
                ))
            }
            // RFC 2033 §4.1: so that nobody mistakes this for SMTP.
            "HELO" | "EHLO" => self.mistake("500 5.5.1 this is LMTP: say LHLO"),
            "MAIL" => self.sender(rest),
            "RCPT" => self.recipient(rest),
            "DATA" if self.recipients.is_empty() => self.mistake("503 5.5.1 RCPT first"),
            "DATA" => Next::ReadMessage,
            "RSET" => {
                self.reset();
                say("250 2.0.0 ok")
            }
            "NOOP" => say("250 2.0.0 ok"),
            "VRFY" => say("252 2.5.0 hand it in and see"),
            "QUIT" => Next::Quit,
            _ => self.mistake("500 5.5.1 what?"),
        }
    }

    fn mistake(&mut self, text: &str) -> Next {
        self.mistakes += 1;
        say(text)
    }

    fn reset(&mut self) {
        self.begun = false;
        self.recipients.clear();
    }

    /// Who sent it is of no interest: it is believed for its mark alone.
    fn sender(&mut self, rest: &str) -> Next {
        if !self.greeted || self.begun {
            return self.mistake("503 5.5.1 LHLO first, and one MAIL for each message");
        }
        if path(rest, "FROM:").is_none() {
            return self.mistake("501 5.5.4 MAIL FROM:<address>");
        }
        let limit_bytes = self.desk.config().max_message_bytes;
        let size = rest.split_whitespace().find_map(|word| {
            let (name, value) = word.split_once('=')?;
            value.parse::<usize>().ok().filter(|_| name.eq_ignore_ascii_case("size"))
        });
        if size.is_some_and(|size| size > limit_bytes) {
            return say("552 5.3.4 too long");
        }
        self.begun = true;
        say("250 2.1.0 ok")
    }

    fn recipient(&mut self, rest: &str) -> Next {
        if !self.begun {
            return self.mistake("503 5.5.1 MAIL first");
        }
        let Some(address) = path(rest, "TO:").filter(|address| !address.is_empty()) else {
            return self.mistake("501 5.5.4 RCPT TO:<address>");
        };
        if self.recipients.len() >= MAX_RECIPIENTS {
            return say("452 4.5.3 too many recipients");
        }
        self.recipients.push(address.to_owned());
        say("250 2.1.5 ok")
    }

    /// Reads the message and answers once for each recipient, in their order (RFC 2033 §4.2).
    async fn take(&mut self) -> io::Result<()> {
        self.answer("354 go on").await?;
        let limit_bytes = self.desk.config().max_message_bytes;
        let raw = message(&mut self.stream, limit_bytes).await?;
        for recipient in std::mem::take(&mut self.recipients) {
            let result = match &raw {
                None => Err(ReturnError::TooLarge { limit_bytes }),
                Some(raw) => {
                    let recipients = [recipient];
                    self.desk.record(&Incoming::by("lmtp", raw, &recipients)).await
                }
            };
            self.answer(&reply(&result)).await?;
        }
        self.reset();
        Ok(())
    }
}

/// The address between the angle brackets after `word`.
fn path<'l>(rest: &'l str, word: &str) -> Option<&'l str> {
    let start = rest.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
    let rest = rest[start.len()..].trim_start().strip_prefix('<')?;
    rest.split_once('>').map(|(address, _)| address)
}

fn reply(result: &Result<Recorded, ReturnError>) -> String {
    match result {
        Ok(Recorded { news: true, delivery, .. }) => format!("250 2.0.0 recorded for {delivery}"),
        Ok(Recorded { delivery, .. }) => format!("250 2.0.0 nothing new for {delivery}"),
        Err(error) if error.may_pass() => format!("451 4.3.0 not yet: {}", error.name()),
        Err(error @ ReturnError::TooLarge { .. }) => format!("552 5.3.4 {error}"),
        Err(error) => format!("550 5.7.1 {error}"),
    }
}
