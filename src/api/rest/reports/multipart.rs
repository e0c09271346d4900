use artifacts::ArtifactError;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use futures::StreamExt;
use schema::Invalid;

use super::measured::{Gauge, MAX_BETWEEN_BYTES, Measured};
use super::submission::{PublishBody, Submission};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{from_json, over};
use crate::state::ApiState;

/// Reads a publication part by part: each file goes to the artifact store as it comes, none is held in memory.
pub(super) async fn read(
    api: &ApiState,
    change: &Change,
    request: Request,
) -> Result<Submission, ApiError> {
    let mut parts = Parts::of(request, api).await?;
    let said = parts.description(api.config.body_limit_bytes).await?;
    let mut submission = Submission::read(from_json::<PublishBody>(&said)?, &said)?;
    let gauge = parts.gauge.clone();
    while let Some(part) = parts.next().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let expected = submission.awaits(&name)?;
        let content = part.inspect(|_| gauge.claim());
        let stored = api.artifacts.put(&change.caller.tenant, content, expected).await;
        let stored = stored.map_err(|error| match error {
            ArtifactError::Interrupted(error) => broken(&gauge, &name, &error.to_string()),
            error => ApiError::from(error).at(&name),
        });
        submission.arrived(&name, stored?);
    }
    Ok(submission)
}

/// The parts of a body, and how much of it was read.
struct Parts {
    parts: Multipart,
    gauge: Gauge,
}

impl Parts {
    async fn of(request: Request, api: &ApiState) -> Result<Self, ApiError> {
        let gauge = Gauge::default();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let request = request.map(|body| Body::from_stream(Measured::new(body, gauge.clone())));
        let parts = Multipart::from_request(request, api).await.map_err(|_| {
            let rule = "must be multipart/form-data with a boundary";
            ApiError::named(Code::Malformed, Invalid::new("Content-Type", &kind, rule))
        })?;
        Ok(Self { parts, gauge })
    }

    async fn next(&mut self) -> Result<Option<Field<'_>>, ApiError> {
        let gauge = &self.gauge;
        let next = self.parts.next_field().await.map_err(|error| of_body(gauge, &error))?;
        gauge.claim();
        Ok(next)
    }

    /// The first part, whole.
    async fn description(&mut self, limit_bytes: usize) -> Result<Bytes, ApiError> {
        let gauge = self.gauge.clone();
        let first = self.next().await?;
        let name = first.as_ref().and_then(|part| part.name()).unwrap_or_default().to_owned();
        let Some(mut part) = first.filter(|_| name == "report") else {
            let rule = "must be named `report` where it is the first";
            return Err(ApiError::named(Code::Malformed, Invalid::new("part", &name, rule)));
        };
        let mut said = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| of_body(&gauge, &error))? {
            gauge.claim();
            if said.len() + chunk.len() > limit_bytes {
                let (value, rule) = over(limit_bytes as u64);
                return Err(ApiError::named(Code::TooLarge, Invalid::new("report", &value, rule)));
            }
            said.extend_from_slice(&chunk);
        }
        Ok(said.into())
    }
}

fn of_body(gauge: &Gauge, error: &MultipartError) -> ApiError {
    broken(gauge, "body", &error.body_text())
}

/// A body that is no multipart, or broke off: told with how much of it came.
fn broken(gauge: &Gauge, field: &str, why: &str) -> ApiError {
    if gauge.is_full() {
        let value = format!("more than {MAX_BETWEEN_BYTES} bytes");
        let rule = format!("must have at most {MAX_BETWEEN_BYTES} bytes before a part's content");
        return ApiError::named(Code::TooLarge, Invalid::new("body", &value, rule));
    }
    let value = format!("broken after {} bytes", gauge.total_bytes());
    let rule = format!("must be multipart/form-data to its end: {why}");
    ApiError::named(Code::Malformed, Invalid::new(field, &value, rule))
}
