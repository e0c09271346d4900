use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::DkimKey;
use super::canonical::{body_hash, header};
use super::key::PrivateKey;
use crate::SetupError;

/// Headers that are signed where a mail has them. `From` stands there once more than mails have it: none can be added.
const SIGNED: [&str; 10] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
];
/// Characters of a signature on one line.
const LINE_CHARS: usize = 72;

/// All keys that mails are signed with.
#[derive(Default)]
pub struct Signers(Vec<Signer>);

struct Signer {
    key: PrivateKey,
    domain: String,
    selector: String,
}

impl Signers {
    /// Loads the keys.
    ///
    /// # Errors
    /// [`SetupError`] naming the key's file, or what is wrong with its names.
    pub fn try_load(keys: &[DkimKey]) -> Result<Self, SetupError> {
        let signer = |configured: &DkimKey| {
            let (domain, selector) = configured.names()?;
            Ok(Signer { key: PrivateKey::try_load(&configured.key_file)?, domain, selector })
        };
        keys.iter().map(signer).collect::<Result<_, SetupError>>().map(Self)
    }

    /// The mail with a signature by each key before it. Nothing, when a key does not sign.
    pub fn sign(&self, mail: Vec<u8>) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return Some(mail);
        }
        let end = mail.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&mail[..end]).ok()?;
        let fields = fields(head);
        let body_hash = STANDARD.encode(body_hash(&mail[end + 4..]));
        let mut signed = Vec::with_capacity(mail.len() + self.0.len() * 1024);
        for signer in &self.0 {
            signed.extend_from_slice(signer.signature(&fields, &body_hash)?.as_bytes());
        }
        signed.extend_from_slice(&mail);
        Some(signed)
    }
}

/// Names and values, folded as they are.
fn fields(head: &str) -> Vec<(&str, &str)> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() {
        let end = rest
            .match_indices("\r\n")
            .map(|(at, _)| at)
            .find(|at| !rest[at + 2..].starts_with([' ', '\t']))
            .unwrap_or(rest.len());
        if let Some((name, value)) = rest[..end].split_once(':') {
            fields.push((name, value));
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    fields
}

impl Signer {
    /// The whole header, its end included.
    fn signature(&self, fields: &[(&str, &str)], body_hash: &str) -> Option<String> {
        let mut names = vec!["from"];
        let mut text = String::with_capacity(1024);
        for signed in SIGNED {
            let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(signed));
            if let Some((name, value)) = found {
                names.push(signed);
                text.push_str(&header(name, value));
                text.push_str("\r\n");
            }
        }
        let Self { key, domain, selector } = self;
        let (algorithm, names) = (key.algorithm(), names.join(":"));
        let value = format!(
            " v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};\r\n\th={names};\r\n\t\
             bh={body_hash};\r\n\tb="
        );
        text.push_str(&header("DKIM-Signature", &value));
        let signature = STANDARD.encode(key.sign(text.as_bytes())?);
        let mut lines = String::with_capacity(signature.len() + 32);
        for (at, c) in signature.chars().enumerate() {
            if at > 0 && at % LINE_CHARS == 0 {
                lines.push_str("\r\n\t");
            }
            lines.push(c);
        }
        Some(format!("DKIM-Signature:{value}{lines}\r\n"))
    }
}
