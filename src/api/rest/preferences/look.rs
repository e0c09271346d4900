use aggregates::recipient::{self, Known, Recipient};
use axum::extract::State;
use axum::response::Response;
use schema::StreamId;
use store::PreferenceLink;

use super::shown::{Said, shown};
use crate::carry_out::load;
use crate::clock::now;
use crate::error::{ApiError, Code, with_status};
use crate::extract::Path;
use crate::rest::page::page;
use crate::state::ApiState;

/// A recipient's own page
///
/// It shows what is sent to the recipient, and changes nothing.
#[utoipa::path(
    get, path = "/p/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From a mail, or from `preference-links`")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none of ours, or no longer holds", body = String,
            content_type = "text/html"),
    )
)]
pub async fn look_at_preferences(
    State(api): State<ApiState>,
    Path(token): Path<String>,
) -> Result<Response, ApiError> {
    match visitor(&api, &token).await? {
        Entry::Open(visitor) => shown(&api, &visitor, &Said::Nothing),
        Entry::Ended => Ok(ended()),
        Entry::Unknown => Ok(unknown()),
    }
}

/// Who follows a link that holds, as it is known now.
pub(super) struct Visitor {
    pub link: PreferenceLink,
    pub known: Known,
    /// Last sequence of the recipient's stream.
    pub sequence: i64,
}

/// What a link opens.
pub(super) enum Entry {
    /// The page of an active recipient.
    Open(Box<Visitor>),
    /// It held once.
    Ended,
    /// Nothing: forged, cut off, or of someone who is sent nothing any more. Nobody is told which.
    Unknown,
}

pub(super) async fn visitor(api: &ApiState, token: &str) -> Result<Entry, ApiError> {
    let Some(link) = api.vault.read_preference_token(token) else { return Ok(Entry::Unknown) };
    if link.expires_at <= now() {
        return Ok(Entry::Ended);
    }
    let stream = StreamId::recipient(&link.tenant, &link.recipient);
    let loaded = load::<recipient::Rules>(api, &stream).await?;
    let sequence = loaded.sequence;
    Ok(match loaded.state {
        Recipient::Active(known) => Entry::Open(Box::new(Visitor { link, known, sequence })),
        Recipient::Unknown | Recipient::Retired => Entry::Unknown,
    })
}

pub(super) fn ended() -> Response {
    let body = "<p>Links to this page hold for a limited time, so that an old mail opens nothing.</p>\
                <p>Every newer mail has one that works.</p>";
    with_status(Code::NotFound, page("This link has ended", body))
}

pub(super) fn unknown() -> Response {
    let body =
        "<p>It may be incomplete: open it from the mail once more, or answer to the mail.</p>";
    with_status(Code::NotFound, page("This link does not work", body))
}
