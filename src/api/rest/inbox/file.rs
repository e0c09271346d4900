use std::sync::PoisonError;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use projections::inbox::{InboxRow, queries};
use schema::{DeliveryId, RecipientId, ReportName};

use crate::auth::Caller;
use crate::clock::now;
use crate::entries::Versions;
use crate::error::ApiError;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// A file of an entry
///
/// Whether the recipient may have the report is asked again; of a version that was withdrawn nothing is given out.
#[utoipa::path(
    get, path = "/v1/inbox/{delivery}/files/{name}", tag = "recipients' own",
    params(
        ("delivery" = String, Path, description = "The entry, by its delivery"),
        ("name" = String, Path, description = "Name of the file"),
        AtLeastQuery,
    ),
    responses((status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub async fn get_file(
    State(api): State<ApiState>,
    Path((delivery, name)): Path<(String, String)>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Response, ApiError> {
    let delivery: DeliveryId = delivery.parse()?;
    at_least.wait(&api, "inbox").await?;
    let since = api.inbox.shown_since(now()).to_chrono();
    let tenant = caller.tenant.as_str();
    let entry = queries::by_id(&api.reads, tenant, delivery.as_uuid(), since).await?;
    let own = |row: &InboxRow| caller.recipient().is_none_or(|own| own.as_str() == row.recipient);
    let missing = || ApiError::not_found("entry", &delivery.to_string());
    let entry = entry.filter(own).ok_or_else(missing)?;
    may_have(&api, &caller, &entry)?;
    let versions = Versions::of(&api, &caller.tenant, &[&entry]).await?;
    let file = versions.file(&entry, &name).await?;
    let reader = api.artifacts.open_read(&caller.tenant, file.sha256).await?;
    let headers = [
        (CONTENT_TYPE, file.format.media_type().to_owned()),
        (CONTENT_LENGTH, reader.size_bytes().to_string()),
        (ETAG, format!("\"{}\"", file.sha256)),
        (CACHE_CONTROL, "private, no-store".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(reader)).into_response())
}

fn may_have(api: &ApiState, caller: &Caller, entry: &InboxRow) -> Result<(), ApiError> {
    if entry.withdrawn_at.is_some() {
        let told = format!("version {} was withdrawn", entry.version);
        return Err(ApiError::refused("version_withdrawn", told));
    }
    let recipient = RecipientId::try_new(&*entry.recipient)?;
    let report = ReportName::try_new(&*entry.report)?;
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    let known = index.recipient(&caller.tenant, &recipient).known();
    if known.is_some_and(|known| known.entitlement(&report, now()).is_some()) {
        return Ok(());
    }
    let told = format!("no valid grant covers the report {report} any more");
    Err(ApiError::refused("not_entitled", told))
}
