use axum::extract::{Request, State};
use returns::{Incoming, Recorded, ReturnError};
use schema::events::SuppressionReason;
use schema::{Invalid, Sha256, StreamId};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{AppendError, CommandRecord};
use utoipa::ToSchema;

use crate::carry_out::{record_of, replay};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{media_type, over, unsupported, whole};
use crate::outcome::{Done, Outcome};
use crate::state::ApiState;

/// What a returned mail led to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReturnAnswer {
    /// The delivery it is about.
    pub delivery: String,
    /// What it says: `failed`, `delayed`, `went_on`, `complained`, `no_complaint` or `auto_reply`.
    #[schema(example = "failed")]
    pub kind: String,
    /// Whether anything was recorded: the same report again, or a delay, is nothing new.
    pub recorded: bool,
    /// Why the address is suppressed because of it, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hard_bounce")]
    pub suppressed: Option<String>,
    /// The position from which it can be read: give it as `at_least_position`.
    pub position: i64,
}

/// Hand in a mail that came back
///
/// A delivery status (RFC 3464), a feedback report (RFC 5965) or an automatic reply (RFC 3834), as it came. It must
/// carry the mark of the mail it is about: in its addressee (the envelope sender of that mail), or in the original it
/// quotes. The same message again records nothing more.
#[utoipa::path(
    post, path = "/v1/mail/returns", tag = "mail",
    request_body(content = String, content_type = "message/rfc822", description = "The message, as it came"),
    responses((status = 200, description = "Understood, and recorded where it was news", body = ReturnAnswer))
)]
pub async fn record_return(
    State(api): State<ApiState>,
    change: Change,
    request: Request,
) -> Result<Done, ApiError> {
    let media = media_type(request.headers());
    if !matches!(media.as_str(), "message/rfc822" | "message/global") {
        return Err(unsupported(&media, "must be message/rfc822"));
    }
    let raw = whole(request.into_body(), api.returns.config().max_message_bytes).await?;
    let digest = change.digest(&api, &raw).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let command = |recorded: &Recorded| outcome(&change, digest, recorded).1;
    let incoming = Incoming {
        raw: &raw,
        recipients: &[],
        actor: change.caller.actor(),
        tenant: Some(change.caller.tenant.clone()),
        traceparent: Some(change.traceparent.clone()),
        command: Some(&command),
    };
    match api.returns.record(&incoming).await {
        Ok(recorded) => {
            let position = match recorded.position {
                Some(position) => position,
                None => api.ledger.head().await?,
            };
            let (outcome, _) = outcome(&change, digest, &recorded);
            Ok(Done { outcome, position, replayed: false, secret: None })
        }
        Err(ReturnError::Append(AppendError::CommandSeen { .. })) => {
            let lost = || ApiError::new(Code::Internal, "the command log lost a returned mail");
            replay(&api, &change, &digest).await?.ok_or_else(lost)
        }
        Err(error) => Err(error.into()),
    }
}

fn outcome(
    change: &Change,
    digest: Sha256,
    recorded: &Recorded,
) -> (Outcome, Option<CommandRecord>) {
    let mut body = Map::from_iter([
        ("delivery".to_owned(), Value::from(recorded.delivery.to_string())),
        ("kind".to_owned(), json!(recorded.kind)),
        ("recorded".to_owned(), json!(recorded.news)),
    ]);
    if let Some(reason) = recorded.suppressed.map(SuppressionReason::as_str) {
        body.insert("suppressed".to_owned(), json!(reason));
    }
    record_of(change, digest, 200, &StreamId::delivery(recorded.delivery), &body)
}

impl From<ReturnError> for ApiError {
    fn from(error: ReturnError) -> Self {
        match error {
            ReturnError::TooLarge { limit_bytes } => {
                let (value, rule) = over(limit_bytes as u64);
                Self::named(Code::TooLarge, Invalid::new("body", &value, rule))
            }
            ReturnError::Unreadable
            | ReturnError::NotAReport
            | ReturnError::Unmarked
            | ReturnError::Forged => {
                let rule = Some(error.name().to_owned());
                Self { rule, ..Self::new(Code::Invalid, error.to_string()) }.at("body")
            }
            ReturnError::UnknownDelivery { delivery } => {
                Self::not_found("delivery", &delivery.to_string())
            }
            ReturnError::Refused(refusal) => refusal.into(),
            ReturnError::RecipientRefused(refusal) => refusal.into(),
            ReturnError::Append(error) => error.into(),
            ReturnError::Vault(error) => error.into(),
        }
    }
}
