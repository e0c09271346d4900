use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schema::{Attributes, Format, Invalid, ReportName, Sha256, VersionName};
use serde::Deserialize;

use crate::json::strict_json;
use crate::receive::MAX_ARTIFACTS;

/// Most bytes of artifacts that may ride in one message, all together, before base64: 700 KiB.
pub const MAX_INLINE_BYTES: usize = 700 * 1024;
/// Longest message: what is inline in base64, and room for the rest.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// A finished report as the topic `reports.ready` carries it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportMessage {
    pub(super) report: ReportName,
    pub(super) version: VersionName,
    #[serde(default)]
    pub(super) attributes: Attributes,
    #[serde(default)]
    pub(super) corrects: Option<VersionName>,
    #[serde(default)]
    pub(super) artifacts: Vec<ArtifactMessage>,
    /// Name of the artifact that is the version's data frame.
    #[serde(default)]
    pub(super) frame: Option<String>,
}

/// One artifact of it: either in the message or stored before.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactMessage {
    pub(super) name: String,
    pub(super) format: Format,
    #[serde(default)]
    content_base64: Option<String>,
    #[serde(default)]
    sha256: Option<Sha256>,
}

/// Where an artifact's bytes are.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// In the message; the digest when the sender named it.
    Inline(Bytes, Option<Sha256>),
    /// In the store.
    Stored(Sha256),
}

impl ReportMessage {
    /// Reads a message.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Invalid> {
        let message: Self = strict_json("message", payload, MAX_MESSAGE_BYTES)?;
        if message.artifacts.len() > MAX_ARTIFACTS {
            let count = message.artifacts.len().to_string();
            let rule = format!("must be at most {MAX_ARTIFACTS} in number");
            return Err(Invalid::new("artifacts", &count, rule));
        }
        Ok(message)
    }

    /// Takes the artifacts' bytes out: one entry for each, in order.
    pub(super) fn take_contents(&mut self) -> Result<Vec<Content>, Invalid> {
        let mut inline_bytes = 0;
        let mut contents = Vec::with_capacity(self.artifacts.len());
        for (at, artifact) in self.artifacts.iter_mut().enumerate() {
            let content = artifact.take_content(&format!("artifacts[{at}]"))?;
            if let Content::Inline(bytes, _) = &content {
                inline_bytes += bytes.len();
            }
            if inline_bytes > MAX_INLINE_BYTES {
                let rule = format!(
                    "must be at most {MAX_INLINE_BYTES} over all artifacts of a message; upload larger ones first \
                     and name their sha256"
                );
                let field = format!("artifacts[{at}].content_base64");
                return Err(Invalid::new(field, &format!("{inline_bytes} bytes"), rule));
            }
            contents.push(content);
        }
        Ok(contents)
    }
}

impl ArtifactMessage {
    fn take_content(&mut self, field: &str) -> Result<Content, Invalid> {
        match (self.content_base64.take(), self.sha256) {
            (Some(text), sha256) => {
                let bytes = STANDARD.decode(text.as_bytes()).map_err(|error| {
                    let field = format!("{field}.content_base64");
                    Invalid::new(field, &error.to_string(), "must be base64 (RFC 4648 §4)")
                })?;
                Ok(Content::Inline(bytes.into(), sha256))
            }
            (None, Some(sha256)) => Ok(Content::Stored(sha256)),
            (None, None) => {
                Err(Invalid::new(field, &self.name, "must have content_base64 or sha256"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    fn refusal(json: &str) -> String {
        let taken = ReportMessage::parse(json.as_bytes()).and_then(|mut it| it.take_contents());
        taken.unwrap_err().to_string()
    }

    fn with_artifacts(artifacts: &str) -> String {
        format!(r#"{{"report":"risk","version":"1","artifacts":[{artifacts}]}}"#)
    }

    #[test]
    fn a_whole_message_is_read() {
        let sha256 = Sha256::of(b"stored before");
        let json = format!(
            r#"{{"report":"risk","version":"2","attributes":{{"region":"emea","rows":3,"final":true}},"corrects":"1",
                "artifacts":[{{"name":"a.csv","format":"csv","content_base64":"YSxiCg=="}},
                             {{"name":"a.pdf","format":"pdf","sha256":"{sha256}"}}]}}"#
        );
        let mut message = ReportMessage::parse(json.as_bytes()).unwrap();
        let contents = message.take_contents().unwrap();
        assert_eq!(message.report.as_str(), "risk");
        assert_eq!(message.corrects.unwrap().as_str(), "1");
        assert_eq!(message.attributes.len(), 3);
        let inline = Content::Inline("a,b\n".into(), None);
        assert_eq!(contents, [inline, Content::Stored(sha256)]);
    }

    #[test]
    fn inline_content_over_the_limit_is_refused_with_the_way_out() {
        let half = STANDARD.encode(vec![0; MAX_INLINE_BYTES / 2 + 1]);
        let one = |name| format!(r#"{{"name":"{name}","format":"csv","content_base64":"{half}"}}"#);
        let told = refusal(&with_artifacts(&format!("{},{}", one("a"), one("b"))));
        let begin = "artifacts[1].content_base64: \"716802 bytes\" must be at most 716800 over all";
        assert!(told.starts_with(begin), "{told}");
        assert!(told.ends_with("name their sha256"), "{told}");
    }

    #[test]
    fn inline_content_of_exactly_the_limit_is_taken() {
        let whole = STANDARD.encode(vec![0; MAX_INLINE_BYTES]);
        let json =
            with_artifacts(&format!(r#"{{"name":"a","format":"csv","content_base64":"{whole}"}}"#));
        let mut message = ReportMessage::parse(json.as_bytes()).unwrap();
        let contents = message.take_contents().unwrap();
        assert_eq!(contents, [Content::Inline(vec![0; MAX_INLINE_BYTES].into(), None)]);
    }

    #[test]
    fn an_artifact_without_content_and_digest_is_refused() {
        let told = refusal(&with_artifacts(r#"{"name":"a.csv","format":"csv"}"#));
        assert_eq!(told, r#"artifacts[0]: "a.csv" must have content_base64 or sha256"#);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        let told =
            refusal(&with_artifacts(r#"{"name":"a","format":"csv","content_base64":"a b"}"#));
        assert!(told.starts_with("artifacts[0].content_base64: "), "{told}");
        assert!(told.ends_with("must be base64 (RFC 4648 §4)"), "{told}");
    }

    #[test]
    fn an_unknown_format_and_an_unknown_field_are_named() {
        let told = refusal(&with_artifacts(r#"{"name":"a","format":"docx"}"#));
        assert!(told.contains("unknown variant `docx`"), "{told}");
        let told = refusal(r#"{"report":"risk","version":"1","tenant":"rival"}"#);
        assert!(told.contains("unknown field `tenant`"), "{told}");
    }
}
