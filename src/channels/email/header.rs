use lettre::Address;
use lettre::message::header::{self, Headers};
use lettre::message::{Mailbox, Mailboxes};
use schema::{ChannelError, FailureClass};

/// A header line longer than this is refused; RFC 5322 allows 998.
const MAX_LINE_BYTES: usize = 990;
/// The longest subject, in bytes before it is encoded.
const MAX_SUBJECT_BYTES: usize = 500;

/// Headers as they are sent. No value with CR, LF or another control character ever gets in.
#[derive(Default)]
pub struct HeaderBlock {
    text: String,
}

impl HeaderBlock {
    pub fn with_capacity(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity) }
    }

    /// A header of plain printable ASCII.
    pub fn plain(&mut self, name: &str, value: &str) -> Result<(), ChannelError> {
        let printable = value.bytes().all(|c| (0x20..0x7f).contains(&c));
        if !printable || name.len() + value.len() > MAX_LINE_BYTES {
            return Err(refused(name));
        }
        self.text.extend([name, ": ", value, "\r\n"]);
        Ok(())
    }

    /// `From` or `To`: the name encoded by RFC 2047 where it must be.
    pub fn mailbox(
        &mut self,
        to: bool,
        name: Option<&str>,
        address: &str,
    ) -> Result<(), ChannelError> {
        let field = if to { "To" } else { "From" };
        if name.is_some_and(has_control) {
            return Err(refused(field));
        }
        let address = address.parse::<Address>().map_err(|_| invalid_address())?;
        let boxes = Mailboxes::from(Mailbox::new(name.map(str::to_owned), address));
        let mut headers = Headers::with_capacity(1);
        if to {
            headers.set(header::To::from(boxes));
        } else {
            headers.set(header::From::from(boxes));
        }
        self.text.push_str(&headers.to_string());
        Ok(())
    }

    /// The subject, encoded by RFC 2047 where it must be.
    pub fn subject(&mut self, subject: &str) -> Result<(), ChannelError> {
        if has_control(subject) || subject.len() > MAX_SUBJECT_BYTES {
            return Err(refused("Subject"));
        }
        if subject.is_ascii() && subject.len() <= 70 {
            return self.plain("Subject", subject);
        }
        let mut headers = Headers::with_capacity(1);
        headers.set(header::Subject::from(subject.to_owned()));
        self.text.push_str(&headers.to_string());
        Ok(())
    }

    /// The disposition of an attachment, its name encoded by RFC 2231 where it must be.
    pub fn attachment(&mut self, name: &str) -> Result<(), ChannelError> {
        if has_control(name) || name.is_empty() || name.len() > 255 || name.contains(['/', '\\']) {
            return Err(refused("Content-Disposition"));
        }
        let mut headers = Headers::with_capacity(1);
        headers.set(header::ContentDisposition::attachment(name));
        self.text.push_str(&headers.to_string());
        Ok(())
    }

    /// Text that is known to be whole, safe header lines.
    pub fn lines(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// What would go into the header breaks its form; the reply names the header, not the value.
fn refused(name: &str) -> ChannelError {
    ChannelError {
        reply: Some(format!("{name} has a control character or is too long")),
        ..ChannelError::not_sent(FailureClass::Content, "mail.header")
    }
}

pub fn invalid_address() -> ChannelError {
    ChannelError::not_sent(FailureClass::RecipientPermanent, "address.invalid")
}
