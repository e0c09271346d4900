use axum::extract::{FromRequest, Request, State};
use intake::ReceiveError;
use schema::{DistributionId, Sha256, StreamId};
use serde_json::{Map, Value};

use super::multipart;
use super::submission::{PublishAnswer, PublishBody, PublishParts, Submission};
use crate::carry_out::{record_of, replay};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{JsonBody, media_type, unsupported};
use crate::outcome::{Done, answer};
use crate::state::ApiState;

/// Publish a version of a report
///
/// As JSON when its files were uploaded before or it has none; as multipart with the files otherwise. The answer comes
/// when it is durable. The same version again changes nothing; with another content it is refused: a correction is a
/// new version that names its predecessor in `corrects`.
#[utoipa::path(
    post, path = "/v1/reports", tag = "reports",
    request_body(content(
        (PublishBody = "application/json"), (PublishParts = "multipart/form-data")
    )),
    responses(
        (status = 200, description = "It was there already", body = PublishAnswer),
        (status = 201, description = "Taken: it will be delivered", body = PublishAnswer),
    )
)]
pub async fn publish_report(
    State(api): State<ApiState>,
    change: Change,
    request: Request,
) -> Result<Done, ApiError> {
    let submission = match media_type(request.headers()).as_str() {
        "multipart/form-data" => multipart::read(&api, &change, request).await?,
        "application/json" => {
            let body = JsonBody::<PublishBody>::from_request(request, &api).await?;
            Submission::read(body.value, &body.bytes)?
        }
        media => {
            let rule = "must be application/json or multipart/form-data";
            return Err(unsupported(media, rule));
        }
    };
    let digest = change.digest(&api, &submission.said).await?;
    if let Some(done) = again(&api, &change, &digest).await? {
        return Ok(done);
    }
    let (body, stream) = told(&change, &submission);
    let mut command = submission.into_command(&api, &change).await?;
    let (mut outcome, record) = record_of(&change, digest, 201, &stream, &body);
    command.command = record;
    let received = match api.intake.receive(command).await {
        Ok(received) => received,
        Err(ReceiveError::CommandSeen { .. }) => {
            return again(&api, &change, &digest).await?.ok_or_else(lost);
        }
        Err(error) => return Err(error.into()),
    };
    finish(&mut outcome, received.repeated, &received.digest);
    let position = received.position.unwrap_or_default();
    Ok(Done { outcome, position, replayed: false, secret: None })
}

fn told(change: &Change, submission: &Submission) -> (Map<String, Value>, StreamId) {
    let (report, version) = submission.names();
    let distribution = DistributionId::of(&change.caller.tenant, report, version);
    let mut body = answer("distribution", &distribution.to_string());
    body.insert("report".to_owned(), report.as_str().into());
    body.insert("version".to_owned(), version.as_str().into());
    (body, StreamId::distribution(distribution))
}

fn finish(outcome: &mut crate::outcome::Outcome, repeated: bool, digest: &Sha256) {
    outcome.status = if repeated { 200 } else { 201 };
    outcome.location = outcome
        .body
        .get("distribution")
        .and_then(Value::as_str)
        .map(|id| format!("/v1/distributions/{id}"));
    outcome.body.insert("digest".to_owned(), digest.to_string().into());
    outcome.body.insert("repeated".to_owned(), repeated.into());
}

fn lost() -> ApiError {
    ApiError::new(Code::Internal, "the command log lost a publication")
}

/// The first answer to this key, if it was used before: whether the version was new to it, its first event tells.
async fn again(api: &ApiState, change: &Change, digest: &Sha256) -> Result<Option<Done>, ApiError> {
    let Some(mut done) = replay(api, change, digest).await? else { return Ok(None) };
    let events = api.ledger.load_stream(&done.outcome.stream(), 0).await?;
    let first = events.first().ok_or_else(lost)?;
    let id = change.command_id().unwrap_or_default();
    let known = first.metadata.command.as_deref();
    let made_it = known == Some(id.as_str()) || known == change.metadata().command.as_deref();
    let schema::LedgerEvent::Distribution(schema::events::DistributionEvent::ReportReceived(
        version,
    )) = &first.event
    else {
        return Err(lost());
    };
    finish(&mut done.outcome, !made_it, &version.digest);
    Ok(Some(done))
}
