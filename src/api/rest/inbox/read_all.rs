use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use projections::inbox::{InboxFilter, queries};
use schema::events::EntryMark;
use schema::{DeliveryId, Invalid, Position, RecipientId, StreamId};
use serde::Deserialize;
use store::Precondition;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::carry_out::{kept, replay};
use crate::change::Change;
use crate::clock::now;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, Ordered, answer};
use crate::position::AtLeast;
use crate::state::ApiState;
use crate::walls::Asked;

/// Entries read by one request, at most.
const MAX_ENTRIES: u32 = 200;
/// Entries marked at the same time.
const AT_ONCE: usize = 16;

/// Up to where an inbox was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The position of the newest entry seen: what came later stays unread.
    #[schema(minimum = 0)]
    through: i64,
}

/// Say that all of an inbox was read
///
/// All entries that came up to a position, the oldest 200 of them at once. Answers how many those were (`read`), and
/// whether others are `left`: then ask again.
#[utoipa::path(
    post, path = "/v1/recipients/{recipient}/inbox/read", tag = "recipients' own",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient")),
    request_body = Seen,
    responses((status = 200, description = "Read, or already so", body = Ordered))
)]
pub async fn read_inbox(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    change: Change,
    body: JsonBody<Seen>,
) -> Result<Done, ApiError> {
    let recipient = change.caller.inbox_of(Some(&recipient))?;
    let through = body.value.through;
    if through < 0 {
        return Err(Invalid::new("through", &through.to_string(), "must be 0 or more").into());
    }
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    AtLeast(Some(Position(through))).wait(&api, "inbox").await?;
    let mut unread = unread(&api, &change, &recipient, through).await?;
    let left = unread.len() > MAX_ENTRIES as usize;
    unread.truncate(MAX_ENTRIES as usize);
    let last = mark_read(&api, &change, unread.clone()).await?;
    let mut told = answer("recipient", recipient.as_str());
    told.insert("read".to_owned(), unread.len().into());
    told.insert("left".to_owned(), left.into());
    let stream = StreamId::recipient(&change.caller.tenant, &recipient);
    kept(&api, &change, digest, (&stream, &told), last.max(Position(through))).await
}

/// One more than are read at once, to know whether others are left.
async fn unread(
    api: &ApiState,
    change: &Change,
    recipient: &RecipientId,
    through: i64,
) -> Result<Vec<Uuid>, ApiError> {
    let (now, tenant) = (now(), change.caller.tenant.as_str());
    let since = api.inbox.shown_since(now);
    let whole = InboxFilter::of(tenant, recipient.as_str(), now.to_chrono(), since.to_chrono());
    Ok(queries::unread_through(&api.reads, &whole, through, MAX_ENTRIES + 1).await?)
}

/// Each is a change of its own: what was read in the meantime stays as it is. The last position written.
async fn mark_read(
    api: &ApiState,
    change: &Change,
    entries: Vec<Uuid>,
) -> Result<Position, ApiError> {
    let marked: Vec<Option<Position>> = stream::iter(entries)
        .map(|entry| async move {
            let entry = DeliveryId::from_uuid(entry);
            let (metadata, precondition) = (change.metadata(), Precondition::Any);
            let (own, asked) = (change.caller.recipient(), Asked { metadata, precondition });
            let done = api.deliveries.mark(entry, EntryMark::Read, own, asked, None).await?;
            Ok::<_, ApiError>(done.position)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(marked.into_iter().flatten().max().unwrap_or_default())
}
