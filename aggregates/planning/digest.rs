use schema::events::ArtifactRef;
use schema::{AttributeValue, Attributes, Sha256};
use serde_json::{Map, Value, json};

/// What a version says and holds, as JSON in RFC 8785's canonical form, so that anyone can compute the digest again:
/// `{"artifacts":[{"format","name","sha256","size_bytes"},…],"attributes":{…}}`, keys sorted, artifacts sorted by name,
/// no white space, whole numbers in full. (Attribute names are ASCII, so byte order is RFC 8785's order.) Where one of
/// the artifacts is its data frame, `"frame"` with that one's name follows.
#[must_use]
pub fn canonical_form(
    attributes: &Attributes,
    artifacts: &[ArtifactRef],
    frame: Option<&str>,
) -> String {
    let mut sorted: Vec<_> = artifacts.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let artifacts: Vec<Value> = sorted.into_iter().map(artifact).collect();
    let attributes: Map<String, Value> =
        attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    let mut form = json!({ "artifacts": artifacts, "attributes": attributes });
    if let Some(frame) = frame {
        form["frame"] = frame.into();
    }
    form.to_string()
}

/// SHA-256 over the [`canonical_form`]: what tells whether the same version came in again or another one under its
/// name.
#[must_use]
pub fn version_digest(
    attributes: &Attributes,
    artifacts: &[ArtifactRef],
    frame: Option<&str>,
) -> Sha256 {
    Sha256::of(canonical_form(attributes, artifacts, frame).as_bytes())
}

fn artifact(artifact: &ArtifactRef) -> Value {
    json!({
        "format": artifact.format.as_str(),
        "name": artifact.name,
        "sha256": artifact.sha256.to_string(),
        "size_bytes": artifact.size_bytes,
    })
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::from(*value),
        AttributeValue::Int(value) => Value::from(*value),
        AttributeValue::Text(value) => Value::from(value.as_str()),
    }
}
