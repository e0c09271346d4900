use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schema::{Invalid, Sha256, StreamId};
use serde::Serialize;
use store::{AppendError, Unit};
use utoipa::ToSchema;

use crate::carry_out::{record_of, replay};
use crate::change::Change;
use crate::error::ApiError;
use crate::outcome::{REPLAYED, answer};
use crate::state::ApiState;

/// An artifact that is on disk for good.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactAnswer {
    /// SHA-256 of its bytes: what a publication names.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// How many bytes.
    size_bytes: u64,
}

/// Upload an artifact
///
/// The body is the file, streamed to disk. The same bytes again change nothing; under an Idempotency-Key that was used
/// for other bytes they are refused.
#[utoipa::path(
    post, path = "/v1/artifacts", tag = "artifacts",
    params(
        ("Content-Digest" = Option<String>, Header, description = "`sha-256=:BASE64:` (RFC 9530): checked"),
        ("X-Content-SHA256" = Option<String>, Header, description = "The same as 64 hexadecimal digits"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "On disk", body = ArtifactAnswer))
)]
pub async fn upload_artifact(
    State(api): State<ApiState>,
    change: Change,
    request: Request,
) -> Result<Response, ApiError> {
    let expected = announced(request.headers())?;
    let content = request.into_body().into_data_stream();
    let stored = api.artifacts.put(&change.caller.tenant, content, expected).await?;
    let is_replayed = remembered(&api, &change, &stored.sha256).await?;
    let sha256 = stored.sha256.to_string();
    let location = [(LOCATION, format!("/v1/artifacts/{sha256}"))];
    let answer = ArtifactAnswer { sha256, size_bytes: stored.size_bytes };
    let mut response = (StatusCode::CREATED, location, Json(answer)).into_response();
    if is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Remembers the upload under its Idempotency-Key, if it has one. The answer follows from the bytes, so it is whether
/// the key stood for them before that is told.
async fn remembered(api: &ApiState, change: &Change, sha256: &Sha256) -> Result<bool, ApiError> {
    let digest = change.digest(api, sha256.as_bytes()).await?;
    if replay(api, change, &digest).await?.is_some() {
        return Ok(true);
    }
    let stream = StreamId::tenant(&change.caller.tenant);
    let told = answer("sha256", &sha256.to_string());
    let (_, Some(record)) = record_of(change, digest, 201, &stream, &told) else {
        return Ok(false);
    };
    let mut unit = Unit::new(change.metadata());
    unit.command = Some(record);
    match api.ledger.append(unit).await {
        Ok(_) => Ok(false),
        Err(AppendError::CommandSeen { .. }) => Ok(replay(api, change, &digest).await?.is_some()),
        Err(error) => Err(error.into()),
    }
}

/// The digest the sender announces. Other algorithms than sha-256 are passed over, as RFC 9530 asks.
fn announced(headers: &HeaderMap) -> Result<Option<Sha256>, Invalid> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(hex) = text("x-content-sha256") {
        let named = |invalid: Invalid| Invalid { field: "X-Content-SHA256".to_owned(), ..invalid };
        return hex.parse().map(Some).map_err(named);
    }
    let Some(members) = text("content-digest") else { return Ok(None) };
    let sha256 = |member: &str| member.trim().strip_prefix("sha-256=").map(str::to_owned);
    let Some(member) = members.split(',').find_map(sha256) else { return Ok(None) };
    let bytes = member
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'))
        .and_then(|inner| STANDARD.decode(inner).ok())
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let rule = "must be sha-256=:BASE64: of 32 bytes";
    let wrong = || Invalid::new("Content-Digest", members, rule);
    bytes.map(Sha256::from_bytes).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{HeaderMap, Sha256, announced};

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn both_spellings_of_a_digest_are_read() {
        let digest = Sha256::of(b"{\"hello\": \"world\"}\n");
        // The example of RFC 9530, appendix B.1.
        let structured = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(announced(&headers("content-digest", structured)), Ok(Some(digest)));
        let hex = digest.to_string();
        assert_eq!(announced(&headers("x-content-sha256", &hex)), Ok(Some(digest)));
    }

    #[test]
    fn a_digest_of_another_kind_is_passed_over_and_a_broken_one_refused() {
        assert_eq!(announced(&headers("content-digest", "sha-512=:AAAA:")), Ok(None));
        assert!(announced(&headers("content-digest", "sha-256=:AAAA:")).is_err());
        assert!(announced(&headers("x-content-sha256", "xyz")).is_err());
    }
}
