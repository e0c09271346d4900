use std::sync::Arc;

use bytes::Bytes;
use secrecy::SecretString;

use crate::{
    Attributes, ChannelKind, ClearReceipt, DeliveryId, FailureClass, Format, ReportName, Sha256,
    TenantId, Timestamp, VersionName, WebhookKeys,
};

/// All that a channel needs for one send, in the clear and in memory only. It knows no ledger.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Which delivery. Idempotency keys (Message-ID, webhook-id) derive from it alone, so every attempt has the same.
    pub delivery: DeliveryId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// On which channel.
    pub channel: ChannelKind,
    /// Whose report.
    pub tenant: TenantId,
    /// Mail address or webhook URL; empty on a channel that needs none.
    pub address: SecretString,
    /// How a webhook is signed and what is sent along, where the channel has that.
    pub webhook: Option<Arc<WebhookKeys>>,
    /// The recipient's name, for the greeting.
    pub recipient_name: Option<SecretString>,
    /// The recipient's pseudonym.
    pub recipient: String,
    /// BCP 47 language tag.
    pub locale: String,
    /// Which report.
    pub report: ReportName,
    /// Its title, for people.
    pub title: String,
    /// Which version.
    pub version: VersionName,
    /// When the version was received.
    pub received_at: Timestamp,
    /// What the version says of itself.
    pub attributes: Attributes,
    /// The files to send.
    pub attachments: Vec<Attachment>,
    /// Where one POST ends the subscription (RFC 8058), and where a person can look first.
    pub unsubscribe_url: Option<String>,
    /// Where its recipient sees and changes all its subscriptions.
    pub preferences_url: Option<String>,
    /// What the mail is known by when it comes back: 40 base32 characters that only the vault can make.
    pub return_mark: Option<String>,
    /// Where one click says whether it came on time, in a mail.
    pub on_time_urls: Option<OnTimeUrls>,
    /// W3C Trace Context for the outgoing request. Where it becomes part of the content (mail) it is the same on every
    /// attempt.
    pub traceparent: Option<String>,
}

/// A link for each answer to "on time?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnTimeUrls {
    /// It was.
    pub on_time: String,
    /// It was not.
    pub late: String,
}

/// One file of a parcel. The bytes are shared by all parcels of a version.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// File name, without path.
    pub name: String,
    /// What kind of file.
    pub format: Format,
    /// Digest of the bytes.
    pub sha256: Sha256,
    /// The bytes; none on a channel that names files only.
    pub content: Bytes,
}

/// How far a failed send had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStage {
    /// Nothing that could have been taken as the report left this machine.
    NotSent,
    /// It may have been taken: the last byte left, no answer came.
    MayHaveArrived,
    /// The other side answered, and said no.
    Refused,
}

/// Why a send did not work, decided where the reply was read. Boxed by callers where size matters.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code} ({class})")]
pub struct ChannelError {
    /// What can be done about it. `InDoubt` exactly when the stage is [`SendStage::MayHaveArrived`].
    pub class: FailureClass,
    /// The taxonomy's name for it, such as `http.503` or `smtp.5.1.1`.
    pub code: String,
    /// How far it came.
    pub stage: SendStage,
    /// What the other side said, at most 512 bytes; may hold personal data, never logged.
    pub reply: Option<String>,
    /// How long the other side asked us to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The address itself is finished (HTTP 410): it must be retired.
    pub address_gone: bool,
}

impl ChannelError {
    /// A failure before anything was sent.
    #[must_use]
    pub fn not_sent(class: FailureClass, code: impl Into<String>) -> Self {
        Self {
            class,
            code: code.into(),
            stage: SendStage::NotSent,
            reply: None,
            retry_after_ms: None,
            address_gone: false,
        }
    }

    /// The last byte left and no answer came.
    #[must_use]
    pub fn in_doubt(code: impl Into<String>) -> Self {
        Self { stage: SendStage::MayHaveArrived, ..Self::not_sent(FailureClass::InDoubt, code) }
    }
}

/// What comes of a send.
pub type SendResult = Result<ClearReceipt, ChannelError>;
