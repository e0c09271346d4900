use aggregates::recipient::{self, Recipient};
use aggregates::subscription::{self, Subscription};
use axum::extract::{Request, State};
use axum::response::Response;
use schema::events::RecipientProfile;
use schema::{Actor, Addressee, Format, Metadata, RecipientId, StreamId, SubscriptionId};

use super::begin::begin;
use super::form::{Asked, Wish, read};
use super::look::{Entry, Visitor, ended, unknown, visitor};
use super::shown::{Said, shown};
use crate::carry_out::{decide, load};
use crate::clock::now;
use crate::error::{ApiError, Code, with_status};
use crate::extract::{Path, media_type, unsupported, whole};
use crate::state::ApiState;
use crate::trace::TraceParent;

/// Longest form, in bytes.
const MAX_BODY_BYTES: usize = 4096;
/// What forms come as.
const FORM: &str = "application/x-www-form-urlencoded";
/// How the recipient asked: what its events say.
const REASON: &str = "preference_page";

/// Change something on a recipient's own page
///
/// What its forms send. Each names the state that was on the page; where that is past, nothing is changed, so a form
/// that is sent again undoes nothing.
#[utoipa::path(
    post, path = "/p/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From a mail, or from `preference-links`")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`action` with `subscription`, `version`, `format`; or with `sequence`, `locale`, `zone`"),
    responses(
        (status = 200, description = "The page, as it is now", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none of ours, or no longer holds", body = String,
            content_type = "text/html"),
        (status = 409, description = "A rule refuses it: the page says which", body = String,
            content_type = "text/html"),
        (status = 412, description = "It has changed since: the page as it is now", body = String,
            content_type = "text/html"),
        (status = 422, description = "A value breaks a rule: the page says which", body = String,
            content_type = "text/html"),
    )
)]
pub async fn change_preferences(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let before = match visitor(&api, &token).await? {
        Entry::Open(visitor) => visitor,
        Entry::Ended => return Ok(ended()),
        Entry::Unknown => return Ok(unknown()),
    };
    let (parts, body) = request.into_parts();
    let media = media_type(&parts.headers);
    if media != FORM {
        return Err(unsupported(&media, &format!("must be {FORM}")));
    }
    let body = whole(body, MAX_BODY_BYTES).await?;
    let done = match read(&body) {
        Ok(asked) => act(&api, &before, asked, &TraceParent::of(&parts)).await,
        Err(invalid) => Err(invalid.into()),
    };
    let Entry::Open(after) = visitor(&api, &token).await? else { return Ok(unknown()) };
    match done {
        Ok(notice) => shown(&api, &after, &Said::Notice(notice.to_owned())),
        Err(error) if is_own(error.code) => {
            let page = shown(&api, &after, &Said::Fault(error.detail))?;
            Ok(with_status(error.code, page))
        }
        Err(error) => Err(error),
    }
}

/// What its reader can do something about.
const fn is_own(code: Code) -> bool {
    matches!(code, Code::Invalid | Code::Refused | Code::Stale | Code::NotFound)
}

async fn act(
    api: &ApiState,
    visitor: &Visitor,
    asked: Asked,
    trace: &TraceParent,
) -> Result<&'static str, ApiError> {
    let link = &visitor.link;
    let actor = Actor::new("recipient", link.recipient.as_str());
    let mut metadata = Metadata::new(link.tenant.clone(), actor);
    metadata.traceparent = Some(trace.to_string());
    match asked {
        Asked::Subscription { id, version, wish } => {
            of_subscription(api, visitor, &id, version, &wish, &metadata).await
        }
        Asked::Report(report) => begin(api, visitor, &report, &metadata).await,
        Asked::Profile { sequence, locale, zone } => {
            if sequence != visitor.sequence {
                return Err(stale());
            }
            let profile = RecipientProfile { locale, zone, ..visitor.known.profile.clone() };
            of_profile(api, visitor, &profile, &metadata).await
        }
    }
}

async fn of_profile(
    api: &ApiState,
    visitor: &Visitor,
    profile: &RecipientProfile,
    metadata: &Metadata,
) -> Result<&'static str, ApiError> {
    let stream = StreamId::recipient(&visitor.link.tenant, &visitor.link.recipient);
    let before = &visitor.known.profile;
    decide::<recipient::Rules>(api, &stream, "your page", |state: &Recipient| {
        let as_seen = state.known().is_some_and(|known| known.profile == *before);
        as_seen.then(|| (recipient::Command::Change(profile.clone()), metadata.clone()))
    })
    .await?;
    Ok("Language and time zone are saved.")
}

async fn of_subscription(
    api: &ApiState,
    visitor: &Visitor,
    id: &SubscriptionId,
    version: u32,
    wish: &Wish,
    metadata: &Metadata,
) -> Result<&'static str, ApiError> {
    let link = &visitor.link;
    let stream = StreamId::subscription(&link.tenant, id);
    let seen = load::<subscription::Rules>(api, &stream).await?.state;
    if !is_of(api, visitor, &seen) {
        return Err(ApiError::new(Code::NotFound, "You have no such subscription."));
    }
    if seen.version() != version {
        return Err(stale());
    }
    if command(&seen, &link.recipient, wish).is_none() {
        let detail = "You have it as a member of a group: you can receive it or not, no more.";
        return Err(ApiError::new(Code::Refused, detail));
    }
    let changed = decide::<subscription::Rules>(api, &stream, "your page", |state| {
        let command = command(state, &link.recipient, wish)?;
        (state.version() == version).then(|| (command, metadata.clone()))
    })
    .await?;
    // Nothing was to be done, or someone was faster.
    if !changed && load::<subscription::Rules>(api, &stream).await?.state.version() != version {
        return Err(stale());
    }
    Ok(match wish {
        Wish::Pause => "It is paused: what comes out meanwhile is not sent later.",
        Wish::Resume => "It is resumed.",
        Wish::Leave => "You are unsubscribed.",
        Wish::Join => "You receive it again.",
        Wish::Format(_) => "The format is saved.",
    })
}

/// Its own, or a group's of which it is a member.
fn is_of(api: &ApiState, visitor: &Visitor, subscription: &Subscription) -> bool {
    let (tenant, recipient) = (&visitor.link.tenant, &visitor.link.recipient);
    match subscription.subscriber() {
        Some(Addressee::Recipient(own)) => own == recipient,
        Some(Addressee::Group(group)) => {
            let index = api.routing.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            index.is_member(tenant, group, recipient)
        }
        None => false,
    }
}

/// A group's subscription is not one member's to pause or change: nothing is to be done then.
fn command(
    subscription: &Subscription,
    recipient: &RecipientId,
    wish: &Wish,
) -> Option<subscription::Command> {
    use subscription::Command::{Change, OptIn, OptOut, Pause, Resume, Unsubscribe};
    let is_own = subscription.subscriber()?.recipient().is_some();
    let recipient = recipient.clone();
    let reason = REASON.to_owned();
    match wish {
        Wish::Leave if is_own => Some(Unsubscribe { reason }),
        Wish::Leave => Some(OptOut { recipient, reason }),
        Wish::Join => Some(OptIn { recipient }),
        Wish::Pause if is_own => Some(Pause { until: None, reason, now: now() }),
        Wish::Resume if is_own => Some(Resume),
        Wish::Format(format) if is_own => Some(Change(preferring(subscription, *format)?)),
        Wish::Pause | Wish::Resume | Wish::Format(_) => None,
    }
}

/// The format asked for comes first; the others it was to be had in stay behind it.
fn preferring(subscription: &Subscription, format: Option<Format>) -> Option<subscription::Wish> {
    let mut wish = subscription.body()?.clone();
    let others = std::mem::take(&mut wish.preferences.formats);
    if let Some(first) = format {
        wish.preferences.formats = vec![first];
        wish.preferences.formats.extend(others.into_iter().filter(|other| *other != first));
    }
    Some(wish)
}

fn stale() -> ApiError {
    let detail =
        "It was changed since you opened this page: here it is as it is now. Nothing was done.";
    ApiError::new(Code::Stale, detail)
}
