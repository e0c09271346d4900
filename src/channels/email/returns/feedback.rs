use schema::events::Complaint;

use super::fields::{blocks, field};
use super::marks::Marks;

/// Reads a `message/feedback-report` part (RFC 5965 §3): the complaint, unless it is none, and what may be our marks in
/// the envelope it quotes.
pub fn feedback(text: &str, marks: &mut Marks) -> Option<Option<Complaint>> {
    let fields = blocks(text).next()?;
    for (name, value) in &fields {
        if matches!(name.as_str(), "original-mail-from" | "original-envelope-id") {
            marks.add_from(value);
        }
    }
    Some(match field(&fields, "feedback-type")?.to_ascii_lowercase().as_str() {
        "abuse" => Some(Complaint::Abuse),
        "fraud" => Some(Complaint::Fraud),
        "virus" => Some(Complaint::Virus),
        // The first says that someone wants it, the second tells the sender's domain about forgeries (RFC 6591).
        "not-spam" | "auth-failure" => None,
        _ => Some(Complaint::Other),
    })
}
