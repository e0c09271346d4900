use std::sync::PoisonError;

use aggregates::subscription::{Command, Rules, Subscription};
use axum::extract::{Request, State};
use axum::response::Response;
use minijinja::HtmlEscape;
use schema::{Actor, Addressee, Metadata, ReportSelector, StreamId};
use store::UnsubscribeLink;

use crate::carry_out::{decide, load};
use crate::error::{ApiError, Code, with_status};
use crate::extract::{Path, whole};
use crate::rest::page::page;
use crate::state::ApiState;
use crate::trace::TraceParent;

/// Longest body of a one-click POST, in bytes.
const MAX_BODY_BYTES: usize = 4096;
/// What RFC 8058 has a mail program send.
const ONE_CLICK: (&str, &str) = ("List-Unsubscribe", "One-Click");

/// End a subscription by its link (RFC 8058)
///
/// What a mail program's unsubscribe button sends, and the page behind the link.
#[utoipa::path(
    post, path = "/u/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From the List-Unsubscribe header of a mail")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`List-Unsubscribe=One-Click`"),
    responses(
        (status = 200, description = "Ended, or already so", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none of ours", body = String, content_type = "text/html"),
    )
)]
pub async fn unsubscribe_by_link(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(link) = api.vault.read_unsubscribe_token(&token) else {
        return Ok(unknown_link());
    };
    let (parts, body) = request.into_parts();
    let body = whole(body, MAX_BODY_BYTES).await?;
    if !says_one_click(&body) {
        let detail = "the body must be List-Unsubscribe=One-Click (RFC 8058)";
        return Err(ApiError::new(Code::Malformed, detail).at("List-Unsubscribe"));
    }
    end(&api, &link, &TraceParent::of(&parts)).await?;
    Ok(page("You are unsubscribed", "<p>Nothing more will be sent to you here.</p>"))
}

/// Mail programs send the pair as a form, some as multipart: in both it stands there as text.
fn says_one_click(body: &[u8]) -> bool {
    let (name, value) = ONE_CLICK;
    let as_form = url::form_urlencoded::parse(body).any(|(n, v)| n == name && v.trim() == value);
    let text = String::from_utf8_lossy(body);
    as_form || (text.contains(&format!("name=\"{name}\"")) && text.contains(value))
}

async fn end(api: &ApiState, link: &UnsubscribeLink, trace: &TraceParent) -> Result<(), ApiError> {
    let UnsubscribeLink { tenant, subscription, member } = link;
    let stream = StreamId::subscription(tenant, subscription);
    let ended = decide::<Rules>(api, &stream, "the subscription", |state: &Subscription| {
        let subscriber = state.subscriber().and_then(Addressee::recipient);
        let recipient = member.as_ref().or(subscriber)?;
        let mut metadata =
            Metadata::new(tenant.clone(), Actor::new("recipient", recipient.as_str()));
        metadata.traceparent = Some(trace.to_string());
        let reason = "one_click".to_owned();
        let command = match member {
            Some(member) => Command::OptOut { recipient: member.clone(), reason },
            None => Command::Unsubscribe { reason },
        };
        Some((command, metadata))
    });
    ended.await.map(drop)
}

/// What the subscription is for, in words for its recipient; nothing when it is over.
pub(super) async fn wanted(
    api: &ApiState,
    link: &UnsubscribeLink,
) -> Result<Option<String>, ApiError> {
    let UnsubscribeLink { tenant, subscription, member } = link;
    let loaded = load::<Rules>(api, &StreamId::subscription(tenant, subscription)).await?;
    if member.as_ref().is_some_and(|member| loaded.state.has_opted_out(member)) {
        return Ok(None);
    }
    Ok(match &loaded.state {
        Subscription::Unknown | Subscription::Ended { .. } => None,
        Subscription::Active { body, .. } | Subscription::Paused { body, .. } => {
            Some(match &body.selector.report {
                ReportSelector::Named(report) => {
                    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
                    let known = index.report(tenant, report).map(|profile| profile.title.as_str());
                    let title = HtmlEscape(known.unwrap_or(report.as_str()));
                    format!("the report <strong>{title}</strong>")
                }
                ReportSelector::Every => "all reports".to_owned(),
            })
        }
    })
}

pub(super) fn unknown_link() -> Response {
    let body =
        "<p>It may be incomplete: open it from the mail once more, or answer to the mail.</p>";
    with_status(Code::NotFound, page("This link does not work", body))
}

#[cfg(test)]
mod tests {
    use super::says_one_click;

    #[test]
    fn both_forms_of_a_one_click_post_are_understood() {
        assert!(says_one_click(b"List-Unsubscribe=One-Click"));
        let parts = b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--";
        assert!(says_one_click(parts));
    }

    #[test]
    fn an_empty_post_ends_nothing() {
        assert!(!says_one_click(b""));
        assert!(!says_one_click(b"List-Unsubscribe=Maybe"));
    }
}
