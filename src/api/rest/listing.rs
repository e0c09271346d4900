//! Lists in pages: how many, behind which one.

use projections::{Cursor, Page, PageRequest};
use schema::Invalid;
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of a page when nobody says.
const DEFAULT_LIMIT: u32 = 50;
/// Most rows of a page.
pub(super) const MAX_LIMIT: u32 = 200;

/// Part of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// To be given as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Listing<T> {
    pub(super) fn of<R>(page: Page<R>, tell: impl Fn(R) -> T) -> Self {
        let last = page.edges.last().map(|edge| edge.cursor.to_string());
        let next = last.filter(|_| page.has_next);
        Self { rows: page.into_rows().into_iter().map(tell).collect(), next }
    }
}

/// The page asked for.
pub(super) fn page_request(
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<PageRequest, Invalid> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let rule = format!("must be 1 to {MAX_LIMIT}");
        return Err(Invalid::new("limit", &limit.to_string(), rule));
    }
    let request = PageRequest::first(limit);
    let Some(text) = after else { return Ok(request) };
    let cursor: Cursor = text
        .parse()
        .map_err(|_| Invalid::new("after", text, "must be the `next` of the page before"))?;
    Ok(request.after(cursor))
}
