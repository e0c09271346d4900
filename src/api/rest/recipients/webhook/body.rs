use std::collections::BTreeMap;

use aggregates::recipient::{MAX_HEADERS, check_header_name};
use chrono::{DateTime, Utc};
use schema::Invalid;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::words::{WebhookPayloadWord, WebhookSigningWord};

/// Longest value of a header, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
/// All names and values together, in bytes.
const MAX_HEADERS_BYTES: usize = 16 * 1024;

/// How a webhook is to be sent to, as a whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// `full`: attributes, and files as far as there is room. `thin`: names, digests and paths, to be fetched.
    #[serde(default = "full")]
    #[schema(default = "full")]
    pub(super) payload: WebhookPayloadWord,
    /// `v1`: HMAC-SHA-256. `v1a`: ed25519. `both`: one signature of each.
    #[serde(default = "v1")]
    #[schema(default = "v1")]
    pub(super) signing: WebhookSigningWord,
    /// Headers to send along, at most 16: values are kept sealed and never shown. `null` keeps a value as it is.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub(super) headers: BTreeMap<String, Option<SecretString>>,
}

fn full() -> WebhookPayloadWord {
    WebhookPayloadWord("full".to_owned())
}

fn v1() -> WebhookSigningWord {
    WebhookSigningWord("v1".to_owned())
}

/// For how long the keys before sign, too.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Seconds, 0 to 2,592,000 (30 days); 86,400 when absent. 0 when the keys before are known to somebody else.
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub(super) overlap_s: Option<u32>,
}

/// How a webhook is sent to. No secret and no header's value is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Whose.
    pub(super) recipient: String,
    /// Which of its addresses.
    pub(super) address: String,
    /// How much is sent.
    #[schema(value_type = WebhookPayloadWord)]
    pub(super) payload: &'static str,
    /// How it is signed.
    #[schema(value_type = WebhookSigningWord)]
    pub(super) signing: &'static str,
    /// Names of the headers sent along.
    pub(super) headers: Vec<String>,
    /// What verifies `v1a` signatures: `whpk_` and an ed25519 key in base64. Absent until the webhook is first set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_key: Option<String>,
    /// Until when (exclusive) the keys before sign, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overlap_until: Option<DateTime<Utc>>,
    /// When the client certificate stops being valid, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certificate_expires_at: Option<DateTime<Utc>>,
    /// The recipient's last sequence: the ETag's number.
    pub(super) sequence: i64,
}

/// The answer to a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotationAnswer {
    /// The recipient's last sequence.
    sequence: i64,
    /// The position from which it can be read.
    position: i64,
    /// Whose.
    recipient: String,
    /// Which.
    address: String,
    /// What verifies `v1a` signatures from now on.
    public_key: String,
    /// Until when (exclusive, RFC 3339) the keys before sign, too.
    overlap_until: String,
    /// The secret of `v1` from now on, `whsec_…`: shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Checks headers that are to be sent along; names come out in lower case. `kept` are those there are. What is wrong
/// with a value is told without telling it.
pub(super) fn checked_headers(
    wanted: &BTreeMap<String, Option<SecretString>>,
    kept: &BTreeMap<String, SecretString>,
) -> Result<BTreeMap<String, SecretString>, Invalid> {
    let count = wanted.len();
    if count > MAX_HEADERS {
        let rule = format!("must be at most {MAX_HEADERS}");
        return Err(Invalid::new("headers", &count.to_string(), rule));
    }
    let mut headers = BTreeMap::new();
    for (name, value) in wanted {
        let name = name.to_ascii_lowercase();
        check_header_name(&name)?;
        let value = match value {
            Some(value) => checked_value(&name, value)?,
            None => kept.get(&name).cloned().ok_or_else(|| {
                let rule = "must have a value: none is kept under this name";
                Invalid::new(format!("headers.{name}"), "null", rule)
            })?,
        };
        if headers.insert(name.clone(), value).is_some() {
            return Err(Invalid::new("headers", &name, "must name each header once"));
        }
    }
    let bytes = |(name, value): (&String, &SecretString)| name.len() + value.expose_secret().len();
    let total: usize = headers.iter().map(bytes).sum();
    if total > MAX_HEADERS_BYTES {
        let rule = format!("must have at most {MAX_HEADERS_BYTES} bytes together");
        return Err(Invalid::new("headers", &total.to_string(), rule));
    }
    Ok(headers)
}

fn checked_value(name: &str, value: &SecretString) -> Result<SecretString, Invalid> {
    let text = value.expose_secret();
    let visible = text.bytes().all(|c| matches!(c, b' '..=b'~' | b'\t'));
    let edges = text.trim() == text;
    if text.is_empty() || text.len() > MAX_VALUE_BYTES || !visible || !edges {
        let rule = "must be 1 to 4096 visible ASCII characters, with no space around them and no line break";
        return Err(Invalid::new(format!("headers.{name}"), "***", rule));
    }
    Ok(value.clone())
}
