use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};

use super::submission::{PublishBody, Submission};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::from_json;
use crate::state::ApiState;

/// Reads a publication part by part: each file goes to the artifact store as it comes, none is held in memory.
pub(super) async fn read(
    api: &ApiState,
    change: &Change,
    request: Request,
) -> Result<Submission, ApiError> {
    let mut parts = Multipart::from_request(request, api)
        .await
        .map_err(|error| ApiError::new(Code::Malformed, error.body_text()))?;
    let first = parts.next_field().await.map_err(broken)?;
    let described = first.filter(|part| part.name() == Some("report"));
    let missing = || ApiError::new(Code::Malformed, "the first part must be named `report`");
    let said = described_in(described.ok_or_else(missing)?, api.config.body_limit_bytes).await?;
    let mut submission = Submission::read(from_json::<PublishBody>(&said)?, &said)?;
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let expected = submission.awaits(&name)?;
        let stored = api.artifacts.put(&change.caller.tenant, part, expected).await;
        submission.arrived(&name, stored.map_err(|error| ApiError::from(error).at(&name))?);
    }
    Ok(submission)
}

async fn described_in(mut part: Field<'_>, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let mut said = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        if said.len() + chunk.len() > limit_bytes {
            let detail = format!("the part `report` must have at most {limit_bytes} bytes");
            return Err(ApiError::new(Code::TooLarge, detail).at("report"));
        }
        said.extend_from_slice(&chunk);
    }
    Ok(said.into())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn broken(error: MultipartError) -> ApiError {
    ApiError::new(Code::Malformed, format!("the multipart body is broken: {}", error.body_text()))
}
