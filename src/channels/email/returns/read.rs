use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};
use schema::events::Complaint;

use super::feedback::feedback;
use super::fields::fields;
use super::marks::{MARK_HEADER, Marks};
use super::status::{Failure, Status, status};

/// Headers in which mail systems write down whom a message was for, most trustworthy first.
const ADDRESSEE: [&str; 4] = ["delivered-to", "x-original-to", "envelope-to", "to"];

/// So much of a message is looked at for a header.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What a message that came back is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The mail came back: not delivered.
    Failed(Failure),
    /// It is still being tried: not a bounce.
    Delayed,
    /// It went on, or arrived.
    WentOn,
    /// It was complained of.
    Complained(Complaint),
    /// A feedback report that complains of nothing.
    NoComplaint,
    /// A machine answered (RFC 3834): not a bounce.
    AutoReply,
    /// None of these.
    Unknown,
}

/// What a message says, and which marks of ours it may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedMail {
    /// What it is.
    pub what: Returned,
    /// What may be marks, in the order in which they are to be believed: the envelope it came with, whom it is for,
    /// the envelope it quotes, the original it quotes. Anyone can write them: each proves something only once it is
    /// checked.
    pub marks: Vec<String>,
}

/// Reads a message that came in for `recipients` (its envelope, where it is known). Nothing when it is no message at
/// all.
#[must_use]
pub fn read(raw: &[u8], recipients: &[String]) -> Option<ReturnedMail> {
    let message = MessageParser::default().parse(raw)?;
    // The parser is forgiving: it takes any first line for a header.
    let head = String::from_utf8_lossy(&raw[..raw.len().min(MAX_HEAD_BYTES)]);
    let is_field = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic());
    if !fields(&head).iter().any(|(name, _)| is_field(name)) {
        return None;
    }
    let mut marks = Marks::default();
    recipients.iter().for_each(|recipient| marks.add_from(recipient));
    for name in ADDRESSEE {
        header_values(&message, name).for_each(|value| marks.add_from(value));
    }
    let what = what(&message, &mut marks);
    message.parts.iter().for_each(|part| original(part, &mut marks));
    Some(ReturnedMail { what, marks: marks.into_vec() })
}

fn header_values<'m>(message: &'m Message<'_>, name: &'m str) -> impl Iterator<Item = &'m str> {
    let named = move |(known, value): (&'m str, &'m str)| {
        known.trim().eq_ignore_ascii_case(name).then_some(value)
    };
    message.headers_raw().filter_map(named)
}

fn what(message: &Message<'_>, marks: &mut Marks) -> Returned {
    for part in &message.parts {
        let text = || String::from_utf8_lossy(part.contents()).into_owned();
        let found = match subtype(part, "message").as_deref() {
            Some("delivery-status" | "global-delivery-status") => {
                status(&text()).map(|status| match status {
                    Status::Failed(failure) => Returned::Failed(failure),
                    Status::Delayed => Returned::Delayed,
                    Status::WentOn => Returned::WentOn,
                })
            }
            Some("feedback-report") => feedback(&text(), marks)
                .map(|complaint| complaint.map_or(Returned::NoComplaint, Returned::Complained)),
            _ => None,
        };
        if let Some(found) = found {
            return found;
        }
    }
    if is_auto_reply(message) { Returned::AutoReply } else { Returned::Unknown }
}

/// RFC 3834 §5, and what was in use before it. A report that could not be read is none, whatever its headers say.
fn is_auto_reply(message: &Message<'_>) -> bool {
    let report = message.parts.iter().any(|part| {
        let subtype = subtype(part, "multipart");
        subtype.as_deref() == Some("report")
    });
    let first = |name| {
        let value = header_values(message, name).next()?;
        Some(value.trim().split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    };
    let submitted = first("auto-submitted").is_some_and(|value| value != "no");
    let marked = ["x-autoreply", "x-autorespond", "x-auto-respond", "x-autoresponder"];
    let precedence = first("precedence").is_some_and(|value| value == "auto_reply");
    !report && (submitted || precedence || marked.into_iter().any(|name| first(name).is_some()))
}

fn subtype(part: &MessagePart<'_>, kind: &str) -> Option<String> {
    let content_type = part.content_type()?;
    let is_kind = content_type.ctype().eq_ignore_ascii_case(kind);
    content_type.subtype().filter(|_| is_kind).map(str::to_ascii_lowercase)
}

/// The original, or its headers: they carry our mark, and the envelope it was delivered with.
fn original(part: &MessagePart<'_>, marks: &mut Marks) {
    let mut add = |name: &str, value: &str| {
        let name = name.trim();
        if name.eq_ignore_ascii_case(MARK_HEADER) || name.eq_ignore_ascii_case("return-path") {
            marks.add_from(value);
        }
    };
    match &part.body {
        PartType::Message(inner) => {
            inner.headers_raw().for_each(|(name, value)| add(name, value));
        }
        PartType::Text(text) if subtype(part, "text").as_deref() == Some("rfc822-headers") => {
            fields(text).iter().for_each(|(name, value)| add(name, value));
        }
        _ => {}
    }
}
