use axum::Json;
use axum::extract::State;
use projections::inbox::{InboxFilter, queries};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{EntryView, InboxView};
use crate::auth::Caller;
use crate::clock::now;
use crate::entries;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::rest::words::SeverityWord;
use crate::state::ApiState;

/// What is read beside each other: entries, and what their versions say of themselves.
const MODELS: [&str; 2] = ["inbox", "distributions"];

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only what was not read, or only what was.
    unread: Option<bool>,
    /// Only what matters so much.
    severity: Option<SeverityWord>,
    /// Only what is put off, or only what is not.
    snoozed: Option<bool>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// A recipient's inbox, newest first
///
/// Entries older than the installation keeps them are not shown.
#[utoipa::path(
    get, path = "/v1/recipients/{recipient}/inbox", tag = "recipients' own",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient"), Which),
    responses((status = 200, description = "A page of entries, and what waits", body = InboxView))
)]
pub async fn list_inbox(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<InboxView>, ApiError> {
    let recipient = caller.inbox_of(Some(&recipient))?;
    let request = page_request(which.limit, which.after.as_deref())?;
    let severity = which.severity.as_ref().map(SeverityWord::read).transpose()?;
    for model in MODELS {
        at_least.wait(&api, model).await?;
    }
    let (now, since) = (now(), api.inbox.shown_since(now()));
    let (tenant, recipient) = (caller.tenant.as_str(), recipient.as_str());
    let whole = InboxFilter::of(tenant, recipient, now.to_chrono(), since.to_chrono());
    let (unread, snoozed) = (which.unread, which.snoozed);
    let filter = InboxFilter { unread, severity, snoozed, ..whole.clone() };
    let page = queries::page(&api.reads, &filter, &request).await?;
    let counts = queries::counts(&api.reads, &whole).await?.into();
    let rows: Vec<_> = page.edges.iter().map(|edge| &edge.row).collect();
    let files = entries::files(&api, &caller.tenant, &rows).await?;
    Ok(Json(InboxView { page: Listing::of(page, |row| EntryView::of(row, &files)), counts }))
}
