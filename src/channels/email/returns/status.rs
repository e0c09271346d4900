use schema::FailureClass;

use super::fields::{blocks, field};
use crate::reply;
use crate::taxonomy::{EnhancedCode, SmtpStep, smtp_meaning};

/// Why a mail came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// By the taxonomy: what its reply would have meant, had the relay given it to us.
    pub class: FailureClass,
    /// The taxonomy's name, such as `smtp.5.1.1`.
    pub code: String,
    /// The mailbox is not there, or takes nothing any more: trying another mail is of no use.
    pub hard: bool,
    /// What the other side said: personal data.
    pub reply: Option<String>,
}

/// What a status notification says of the one recipient each of our mails has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It came back.
    Failed(Failure),
    /// It is still being tried.
    Delayed,
    /// It went on, or arrived.
    WentOn,
}

/// Reads a `message/delivery-status` part (RFC 3464 §2). Where an alias led to several mailboxes, any failure is one,
/// and it is hard only if all of them are.
pub fn status(text: &str) -> Option<Status> {
    let mut failures = Vec::new();
    let mut other = None;
    // The first block is about the message; it has no action, so nothing is lost by asking.
    for fields in blocks(text) {
        let status = field(&fields, "status").and_then(EnhancedCode::at_start_of);
        let action = field(&fields, "action").map(str::to_ascii_lowercase);
        let action = action.as_deref().map(|action| action.split_whitespace().next().unwrap_or(""));
        match (action, status.map(|status| status.class)) {
            (Some("failed"), _) | (None, Some(5)) => {
                failures.push(failure(status, field(&fields, "diagnostic-code")));
            }
            (Some("delayed"), _) | (None, Some(4)) => other = Some(Status::Delayed),
            (Some("delivered" | "relayed" | "expanded"), _) => {
                other = other.or(Some(Status::WentOn));
            }
            (Some(_) | None, _) => {}
        }
    }
    let hard = failures.iter().all(|failure| failure.hard);
    match failures.into_iter().next() {
        Some(first) => Some(Status::Failed(Failure { hard, ..first })),
        None => other,
    }
}

fn failure(status: Option<EnhancedCode>, diagnostic: Option<&str>) -> Failure {
    let said = diagnostic.map(|text| text.split_once(';').map_or(text, |(_, said)| said).trim());
    let (basic, told) = said.map_or((None, None), spoken);
    // 5.0.0 says no more than "failed": what the server itself said is better.
    let vague = status.is_none_or(|status| status.subject == 0);
    let code = if vague { told.or(status) } else { status };
    let (basic, text) = match (code, basic) {
        (Some(code), basic) => {
            let fits = basic.filter(|basic| basic / 100 == code.class);
            (fits.unwrap_or(code.class * 100 + 50), format!("{code} "))
        }
        (None, Some(basic)) => (basic, String::new()),
        (None, None) => {
            let (class, code) = (FailureClass::Unknown, "dsn.failed".to_owned());
            return Failure { class, code, hard: false, reply: reply_of(said) };
        }
    };
    let meaning = smtp_meaning(SmtpStep::Recipient, basic, &text);
    // A full mailbox is emptied one day; the taxonomy calls it final because for this mail it is.
    let full = code.is_some_and(|code| (code.subject, code.detail) == (2, 2));
    let hard = meaning.class == FailureClass::RecipientPermanent && !full;
    Failure { class: meaning.class, code: meaning.code, hard, reply: reply_of(said) }
}

/// Reply code and enhanced code at the beginning of what a server said.
fn spoken(said: &str) -> (Option<u16>, Option<EnhancedCode>) {
    let digits = said.get(..3).filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()));
    let basic = digits.and_then(|digits| digits.parse().ok());
    let basic = basic.filter(|basic: &u16| matches!(basic / 100, 4 | 5));
    let rest = if basic.is_some() { &said[3..] } else { said };
    (basic, EnhancedCode::at_start_of(rest.trim_start_matches(['-', ' '])))
}

fn reply_of(said: Option<&str>) -> Option<String> {
    said.and_then(|said| reply::clean(said.as_bytes()))
}
