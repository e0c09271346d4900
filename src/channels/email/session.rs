use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::response::Response;
use schema::{ChannelError, FailureClass, SendStage};
use tokio::time::{Instant, timeout_at};

use super::message::Mail;
use super::wire::WireWatch;
use crate::cause::cause;
use crate::reply;
use crate::taxonomy::{SmtpStep, smtp_meaning};

/// How long a reply is waited for that a relay may have sent before it closed on us in the middle of the content.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Content up to this size, in bytes, leaves together with its final dot.
const ONE_WRITE_BYTES: usize = 64 * 1024;

/// What is said before the content, and the first digit of the answer to it.
const ENVELOPE: [(SmtpStep, u16); 3] =
    [(SmtpStep::Sender, 2), (SmtpStep::Recipient, 2), (SmtpStep::Data, 3)];

/// One conversation with the relay.
pub struct Session {
    pub connection: AsyncSmtpConnection,
    pub watch: Arc<WireWatch>,
    /// Mails handed over so far.
    pub mail_count: u32,
    /// A transaction was begun and refused: RSET before the next one.
    pub needs_reset: bool,
    pub last_used: Instant,
    /// The relay takes several commands in one write.
    pub pipelines: bool,
}

/// Why a mail was not handed over, and what it means for the session.
pub struct Trouble {
    pub error: ChannelError,
    /// The connection can be used again.
    pub usable: bool,
    /// The connection was gone, or the relay closed it, before any of the content: as if it had never been tried.
    pub stale: bool,
}

impl Session {
    pub fn new(connection: AsyncSmtpConnection, watch: Arc<WireWatch>) -> Self {
        let last_used = Instant::now();
        Self { connection, watch, mail_count: 0, needs_reset: false, last_used, pipelines: false }
    }

    /// One mail to one recipient, step by step, so that the stage of a lost connection is known.
    pub async fn transact(
        &mut self,
        mail: &Mail,
        command_timeout: Duration,
        deadline: Instant,
    ) -> Result<Response, Box<Trouble>> {
        self.envelope(&mail.sender, &mail.to, command_timeout, deadline).await?;
        let response = self.content(mail, deadline).await?;
        self.needs_reset = false;
        self.mail_count += 1;
        Ok(response)
    }

    /// Sender, recipient and DATA: in one write where the relay offers PIPELINING (RFC 2920), else one by one. None of
    /// the content leaves before DATA is answered, so a failure here has sent nothing.
    async fn envelope(
        &mut self,
        sender: &str,
        to: &str,
        command_timeout: Duration,
        deadline: Instant,
    ) -> Result<(), Box<Trouble>> {
        let mut commands = vec![
            format!("MAIL FROM:<{sender}>\r\n"),
            format!("RCPT TO:<{to}>\r\n"),
            "DATA\r\n".to_owned(),
        ];
        if self.pipelines {
            commands = vec![commands.concat()];
        }
        let mut commands = commands.into_iter();
        let mut trouble: Option<Box<Trouble>> = None;
        for (step, expected) in ENVELOPE {
            let answered_by = deadline.min(Instant::now() + command_timeout);
            let answer = match commands.next() {
                Some(command) => timeout_at(answered_by, self.connection.command(command)).await,
                None => timeout_at(answered_by, self.connection.read_response()).await,
            };
            match (self.read_answer(step, expected, answer.ok()), &mut trouble) {
                (Ok(()), None) => {}
                // DATA was accepted though there is nobody to send to: only closing says that nothing follows.
                (Ok(()), Some(first)) => first.usable &= step != SmtpStep::Data,
                (Err(next), Some(first)) => first.usable &= next.usable,
                (Err(first), None) => trouble = Some(first),
            }
            if trouble.as_ref().is_some_and(|trouble| !self.pipelines || !trouble.usable) {
                break;
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    fn read_answer(
        &mut self,
        step: SmtpStep,
        expected: u16,
        answer: Option<Result<Response, Error>>,
    ) -> Result<(), Box<Trouble>> {
        let error = match answer {
            Some(Ok(response)) if u16::from(response.code()) / 100 == expected => {
                self.needs_reset = true;
                return Ok(());
            }
            Some(Ok(_)) => not_sent("smtp.malformed_reply"),
            Some(Err(error)) => refused_or_lost(step, &error),
            None => not_sent("smtp.timeout"),
        };
        let refused = error.stage == SendStage::Refused;
        let closing = is_421(&error);
        let lost = !refused && error.code != "smtp.timeout";
        Err(Box::new(Trouble { error, usable: refused && !closing, stale: lost || closing }))
    }

    /// The content and the final dot: in one write when it is not large, so that a mail costs two writes and two
    /// answers. lettre asks the iterator for its next part only after the one before has been written and flushed, so
    /// the end of the iterator is the moment before the dot; what was held is then still unsent, and the dot behind it.
    async fn content(&mut self, mail: &Mail, deadline: Instant) -> Result<Response, Box<Trouble>> {
        let dot_begun = AtomicBool::new(false);
        let content = mail.without_last_crlf();
        if content.len() <= ONE_WRITE_BYTES {
            self.watch.hold();
        }
        let parts = ThenDot { content: Some(content), dot_begun: &dot_begun, watch: &self.watch };
        let answer = timeout_at(deadline, self.connection.message_iter(parts)).await;
        let in_the_way = self.watch.has_unsent() || self.watch.write_failed();
        let dot_left = dot_begun.load(Relaxed) && !in_the_way;
        let error = match answer {
            Ok(Ok(response)) if response.is_positive() && !response.has_code(354) => {
                return Ok(response);
            }
            Ok(Err(error)) if error.status().is_some() => {
                refused_or_lost(SmtpStep::Content, &error)
            }
            _ if dot_left => ChannelError::in_doubt("smtp.data_unanswered"),
            Ok(Ok(_)) => not_sent("smtp.malformed_reply"),
            Ok(Err(_)) => self.last_words().await,
            Err(_) => not_sent("smtp.timeout"),
        };
        let usable = error.stage == SendStage::Refused && dot_left && !is_421(&error);
        Err(Box::new(Trouble { error, usable, stale: false }))
    }

    /// The relay closed while the content was being written: it may have said why.
    async fn last_words(&mut self) -> ChannelError {
        let said = timeout_at(Instant::now() + LAST_WORDS, self.connection.read_response()).await;
        match said {
            Ok(Err(error)) if error.status().is_some() => {
                refused_or_lost(SmtpStep::Content, &error)
            }
            _ => not_sent("smtp.connection_lost"),
        }
    }
}

struct ThenDot<'a> {
    content: Option<&'a [u8]>,
    dot_begun: &'a AtomicBool,
    watch: &'a WireWatch,
}

impl<'a> Iterator for ThenDot<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let part = self.content.take();
        if part.is_none() {
            self.dot_begun.store(true, Relaxed);
            self.watch.release();
        }
        part
    }
}

/// A negative reply by the taxonomy, or a connection that gave none.
pub fn refused_or_lost(step: SmtpStep, error: &Error) -> ChannelError {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some(status) = error.status() {
        let meaning = smtp_meaning(step, status.into(), &text);
        return ChannelError {
            stage: SendStage::Refused,
            reply: reply::clean(format!("{status} {text}").as_bytes()),
            ..ChannelError::not_sent(meaning.class, meaning.code)
        };
    }
    // lettre's own words for a stream that ended.
    let ended = text == "incomplete response";
    not_sent(match () {
        () if cause::<rustls::Error>(error).is_some() => "connect.tls",
        () if error.is_timeout() => "smtp.timeout",
        () if error.is_response() && !ended => "smtp.malformed_reply",
        () => "smtp.connection_lost",
    })
}

/// The relay is closing the connection, whatever else it says.
pub fn is_421(error: &ChannelError) -> bool {
    error.reply.as_deref().is_some_and(|reply| reply.starts_with("421"))
}

fn not_sent(code: &str) -> ChannelError {
    ChannelError::not_sent(FailureClass::Transient, code)
}
