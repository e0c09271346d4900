use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schema::{Attachment, ChannelError, FailureClass, Format, Parcel, Sha256};
use secrecy::ExposeSecret;

use super::EmailConfig;
use super::config::Checked;
use super::dkim::Signers;
use super::header::{HeaderBlock, invalid_address};
use super::returns::{MARK_HEADER, return_address};
use super::template::{Rendered, Templates};
use crate::encoded::EncodedCache;
use crate::validate_mail_address;

/// Base64 line length (RFC 2045 §6.8), in characters and in the bytes they stand for.
const LINE_CHARS: usize = 76;
const LINE_BYTES: usize = 57;

/// A mail ready to be handed over.
pub struct Mail {
    /// The envelope's sender: this mail's own, where what comes back is brought to us.
    pub sender: String,
    /// The one recipient, in ASCII.
    pub to: String,
    bytes: Vec<u8>,
    /// SHA-256 of the bytes as the relay receives them, dot-stuffing undone.
    pub sha256: Sha256,
}

impl Mail {
    /// What is given to lettre, which writes CRLF, dot, CRLF after it: so the relay receives exactly the hashed bytes.
    pub fn without_last_crlf(&self) -> &[u8] {
        self.bytes.strip_suffix(b"\r\n").unwrap_or(&self.bytes)
    }

    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Makes mails of parcels. Equal parcels make equal bytes.
pub struct Composer {
    templates: Templates,
    signers: Signers,
    sender_name: String,
    from_line: String,
    from_address: String,
    bounce_prefix: String,
    bounce_domain: Option<String>,
    message_id_domain: String,
    max_message_bytes: usize,
    one_click_over_http: bool,
    attachments: EncodedCache<PartKey, Result<Bytes, ChannelError>>,
}

/// Name and format ride along: the part's own headers are held with its content.
#[derive(PartialEq, Eq, Hash)]
struct PartKey {
    sha256: Sha256,
    name: String,
    format: Format,
}

impl Composer {
    pub fn try_new(
        config: &EmailConfig,
        checked: &Checked,
        templates: Templates,
        signers: Signers,
    ) -> Result<Self, ChannelError> {
        let mut from = HeaderBlock::default();
        from.mailbox(false, Some(&config.from_name), &checked.from_address)?;
        Ok(Self {
            templates,
            signers,
            sender_name: config.from_name.clone(),
            from_line: from.into_text(),
            from_address: checked.from_address.clone(),
            bounce_prefix: config.bounce_prefix.clone(),
            bounce_domain: checked.bounce_domain.clone(),
            message_id_domain: checked.message_id_domain.clone(),
            max_message_bytes: config.max_message_bytes,
            one_click_over_http: config.test_sink,
            attachments: EncodedCache::new(config.encoded_cache_bytes),
        })
    }

    /// # Errors
    /// `address.invalid`, `mail.header`, `mail.too_large` and those of [`Templates::render`]; nothing was sent.
    pub fn compose(&self, parcel: &Parcel) -> Result<Mail, ChannelError> {
        let to =
            validate_mail_address(parcel.address.expose_secret()).map_err(|_| invalid_address())?;
        let raw_bytes: usize = parcel.attachments.iter().map(|file| file.content.len()).sum();
        if raw_bytes > self.max_message_bytes {
            return Err(too_large());
        }
        let words = self.templates.render(parcel, &self.sender_name)?;
        let head = self.head(parcel, &to, words.subject.trim_end())?;
        let parts = parcel.attachments.iter().map(|file| self.part(file));
        let bytes = assemble(parcel, &head, &words, &parts.collect::<Result<Vec<_>, _>>()?);
        if bytes.len() > self.max_message_bytes {
            return Err(too_large());
        }
        let bytes = self.signers.sign(bytes).ok_or_else(unsigned)?;
        let sender = self.sender(parcel);
        Ok(Mail { sender, to, sha256: Sha256::of(&bytes), bytes })
    }

    fn sender(&self, parcel: &Parcel) -> String {
        match (&self.bounce_domain, &parcel.return_mark) {
            (Some(domain), Some(mark)) => return_address(&self.bounce_prefix, mark, domain),
            (Some(_) | None, _) => self.from_address.clone(),
        }
    }

    fn head(&self, parcel: &Parcel, to: &str, subject: &str) -> Result<String, ChannelError> {
        let mut head = HeaderBlock::with_capacity(1024);
        let date = parcel.received_at.to_chrono().to_rfc2822();
        head.plain("Date", &date)?;
        head.lines(&self.from_line);
        head.mailbox(true, parcel.recipient_name.as_ref().map(ExposeSecret::expose_secret), to)?;
        head.subject(subject)?;
        let id = format!("<{}@{}>", parcel.delivery, self.message_id_domain);
        head.plain("Message-ID", &id)?;
        head.lines("MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n");
        if let Some(url) = &parcel.unsubscribe_url {
            head.plain("List-Unsubscribe", &format!("<{}>", unsubscribe(url)?))?;
            // RFC 8058 §3.1 asks for an https URI: one-click over http could be forged on the way.
            if url.starts_with("https://") || self.one_click_over_http {
                head.lines("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
            }
        }
        head.plain("X-Waybill-Delivery", &parcel.delivery.to_string())?;
        if let Some(mark) = &parcel.return_mark {
            head.plain(MARK_HEADER, mark)?;
        }
        for file in &parcel.attachments {
            head.plain("X-Waybill-Content-SHA256", &file.sha256.to_string())?;
        }
        if let Some(traceparent) = &parcel.traceparent {
            head.plain("X-Waybill-Traceparent", traceparent)?;
        }
        Ok(head.into_text())
    }

    fn part(&self, file: &Attachment) -> Result<Bytes, ChannelError> {
        let key = PartKey { sha256: file.sha256, name: file.name.clone(), format: file.format };
        self.attachments.get_or_encode(key, |_| {
            let part = encode_part(file);
            let size_bytes = part.as_ref().map_or(0, Bytes::len);
            (part, size_bytes)
        })
    }
}

/// The whole message; it ends with CRLF. Its boundaries contain `=_`, which neither quoted-printable nor base64 can
/// (RFC 2045 §6.7), so no text can end a part early.
fn assemble(parcel: &Parcel, head: &str, words: &Rendered, attachments: &[Bytes]) -> Vec<u8> {
    let id = parcel.delivery.as_uuid().simple();
    let (mixed, alternative) = (format!("=_mixed_{id}"), format!("=_words_{id}"));
    let text = quoted(&words.text);
    let html = quoted(&words.html);
    let attached: usize = attachments.iter().map(|part| part.len() + 64).sum();
    let mut out = Vec::with_capacity(head.len() + text.len() + html.len() + attached + 1024);
    let mut put = |pieces: &[&[u8]]| pieces.iter().for_each(|piece| out.extend_from_slice(piece));

    put(&[head.as_bytes()]);
    if !attachments.is_empty() {
        put(&[b"Content-Type: multipart/mixed; boundary=\"", mixed.as_bytes(), b"\"\r\n\r\n"]);
        put(&[b"--", mixed.as_bytes(), b"\r\n"]);
    }
    let alt = alternative.as_bytes();
    put(&[b"Content-Type: multipart/alternative; boundary=\"", alt, b"\"\r\n\r\n"]);
    for (kind, body) in [("plain", &text), ("html", &html)] {
        put(&[b"--", alt, b"\r\nContent-Type: text/", kind.as_bytes(), b"; charset=utf-8\r\n"]);
        put(&[b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", body, b"\r\n"]);
    }
    put(&[b"--", alt, b"--\r\n"]);
    for part in attachments {
        put(&[b"--", mixed.as_bytes(), b"\r\n", part]);
    }
    if !attachments.is_empty() {
        put(&[b"--", mixed.as_bytes(), b"--\r\n"]);
    }
    out
}

fn quoted(text: &str) -> Vec<u8> {
    let unified = text.replace("\r\n", "\n");
    quoted_printable::encode(unified.replace('\n', "\r\n"))
}

/// Headers and base64 lines of one attachment.
fn encode_part(file: &Attachment) -> Result<Bytes, ChannelError> {
    let mut head = HeaderBlock::with_capacity(512);
    head.plain("Content-Type", file.format.media_type())?;
    head.attachment(&file.name)?;
    head.lines("Content-Transfer-Encoding: base64\r\n");
    head.plain("X-Waybill-Content-SHA256", &file.sha256.to_string())?;
    head.lines("\r\n");
    let mut part = head.into_text();
    part.reserve(file.content.len().div_ceil(LINE_BYTES) * (LINE_CHARS + 2));
    for line in file.content.chunks(LINE_BYTES) {
        STANDARD.encode_string(line, &mut part);
        part.push_str("\r\n");
    }
    Ok(Bytes::from(part))
}

/// An https or http URL that fits between angle brackets.
fn unsubscribe(url: &str) -> Result<&str, ChannelError> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    if web && !url.contains(['<', '>', ' ', ',']) {
        return Ok(url);
    }
    Err(ChannelError {
        reply: Some("List-Unsubscribe needs an http or https URL".to_owned()),
        ..ChannelError::not_sent(FailureClass::Content, "mail.header")
    })
}

fn unsigned() -> ChannelError {
    ChannelError::not_sent(FailureClass::Config, "mail.dkim")
}

fn too_large() -> ChannelError {
    ChannelError::not_sent(FailureClass::Content, "mail.too_large")
}
