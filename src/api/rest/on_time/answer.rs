use axum::extract::{Request, State};
use axum::response::Response;
use schema::events::AnsweredVia;
use schema::{Actor, Metadata};
use store::Precondition;

use super::page;
use crate::clock::now;
use crate::error::ApiError;
use crate::extract::Path;
use crate::state::ApiState;
use crate::trace::TraceParent;
use crate::walls::{Asked, OrderError, Said};

/// Say by a mail's link whether it was on time
///
/// The last answer counts; the same once more is nothing new.
#[utoipa::path(
    post, path = "/t/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From a mail's question whether it was on time")),
    responses(
        (status = 200, description = "Recorded, or already so", body = String, content_type = "text/html"),
        (status = 404, description = "None of ours, or over", body = String, content_type = "text/html"),
        (status = 409, description = "Its delivery is not closed yet", body = String, content_type = "text/html"),
    )
)]
pub async fn answer_by_link(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(link) = api.vault.read_on_time_token(&token) else { return Ok(page::unknown_link()) };
    if now() >= link.until {
        return Ok(page::over());
    }
    let (parts, _) = request.into_parts();
    let actor = Actor::new("recipient", link.recipient.as_str());
    let mut metadata = Metadata::new(link.tenant, actor);
    metadata.traceparent = Some(TraceParent::of(&parts).to_string());
    let asked = Asked { metadata, precondition: Precondition::Any };
    let said = Said { answer: link.answer, via: AnsweredVia::Mail };
    let own = Some(&link.recipient);
    match api.deliveries.answer(link.delivery, said, own, asked, None).await {
        Ok(_) => Ok(page::thanks(link.answer)),
        Err(OrderError::NotFound(_)) => Ok(page::unknown_link()),
        Err(OrderError::Refused(_)) => Ok(page::refused()),
        Err(error) => Err(error.into()),
    }
}
