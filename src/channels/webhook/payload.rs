use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schema::{Attachment, Attributes, Format, Parcel, Sha256, WebhookPayload};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::encoded::EncodedCache;

/// What is posted: the envelope that Standard Webhooks recommends. Equal parcels make equal bytes, whatever the attempt
/// and the time of day.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When the version was received.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    tenant: &'a str,
    report: &'a str,
    version: &'a str,
    title: &'a str,
    delivery: String,
    recipient: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a Attributes>,
    artifacts: Vec<Artifact<'a>>,
}

#[derive(Serialize)]
struct Artifact<'a> {
    name: &'a str,
    format: Format,
    media_type: &'static str,
    sha256: Sha256,
    size_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_base64: Option<Quoted>,
    /// Where the file is, below the API's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// A JSON string, quotes included, that is copied without being looked at again.
#[derive(Clone)]
struct Quoted(Arc<RawValue>);

impl Serialize for Quoted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Makes bodies of parcels.
pub struct Payloads {
    inline_limit_bytes: usize,
    encoded: EncodedCache<Sha256, Option<Quoted>>,
}

impl Payloads {
    pub fn new(inline_limit_bytes: usize, encoded_cache_bytes: usize) -> Self {
        Self { inline_limit_bytes, encoded: EncodedCache::new(encoded_cache_bytes) }
    }

    /// The body for one parcel. A thin one has no file and no attribute in it: who may have them asks the API for them.
    pub fn body(
        &self,
        parcel: &Parcel,
        payload: WebhookPayload,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let mut left = self.inline_limit_bytes;
        let full = payload == WebhookPayload::Full;
        let artifacts = parcel
            .attachments
            .iter()
            .map(|file| if full { self.artifact(file, &mut left) } else { thin(file) });
        let payload = Payload {
            kind: "report.version.published",
            timestamp: parcel.received_at.to_string(),
            data: Data {
                tenant: parcel.tenant.as_str(),
                report: parcel.report.as_str(),
                version: parcel.version.as_str(),
                title: &parcel.title,
                delivery: parcel.delivery.to_string(),
                recipient: &parcel.recipient,
                attributes: full.then_some(&parcel.attributes),
                artifacts: artifacts.collect(),
            },
        };
        let inlined = self.inline_limit_bytes - left;
        let mut body = Vec::with_capacity(1024 + inlined.div_ceil(3) * 4);
        serde_json::to_writer(&mut body, &payload)?;
        Ok(body)
    }

    fn artifact<'a>(&self, file: &'a Attachment, left: &mut usize) -> Artifact<'a> {
        let rest = left.checked_sub(file.content.len());
        *left = rest.unwrap_or(*left);
        Artifact {
            name: &file.name,
            format: file.format,
            media_type: file.format.media_type(),
            sha256: file.sha256,
            size_bytes: file.content.len(),
            content_base64: rest.and_then(|_| self.quoted(file)),
            path: None,
        }
    }

    fn quoted(&self, file: &Attachment) -> Option<Quoted> {
        self.encoded.get_or_encode(file.sha256, |_| {
            let text = format!("\"{}\"", STANDARD.encode(&file.content));
            let size_bytes = text.len();
            // Base64 between quotes is always a JSON string.
            let quoted = RawValue::from_string(text).ok().map(|raw| Quoted(raw.into()));
            (quoted, size_bytes)
        })
    }
}

fn thin(file: &Attachment) -> Artifact<'_> {
    Artifact {
        name: &file.name,
        format: file.format,
        media_type: file.format.media_type(),
        sha256: file.sha256,
        size_bytes: file.content.len(),
        content_base64: None,
        path: Some(format!("/v1/artifacts/{}", file.sha256)),
    }
}
