/// Characters of a mark: what the vault makes for a delivery, base32.
pub const MARK_CHARS: usize = 40;
/// The header of our mails that carries the mark, for reports that hold the original but not its envelope.
pub const MARK_HEADER: &str = "X-Waybill-Return";

/// So many different marks of one message are tried.
const MAX_MARKS: usize = 16;

/// The envelope sender under which a mail comes back with its mark (VERP): 64 octets of local part are enough for a
/// prefix of 23 (RFC 5321 §4.5.3.1.1).
#[must_use]
pub fn return_address(prefix: &str, mark: &str, domain: &str) -> String {
    format!("{prefix}+{mark}@{domain}")
}

/// Collects what may be marks, in the order in which they are to be believed.
#[derive(Default)]
pub struct Marks(Vec<String>);

impl Marks {
    /// Adds what may be marks in `text`: 40 base32 characters with nothing of their kind on either side. Mail systems
    /// change the case of local parts, so it is made lower.
    pub fn add_from(&mut self, text: &str) {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words.filter(|word| word.len() == MARK_CHARS) {
            let mark = word.to_ascii_lowercase();
            let base32 = mark.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'));
            if base32 && self.0.len() < MAX_MARKS && !self.0.contains(&mark) {
                self.0.push(mark);
            }
        }
    }

    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}
