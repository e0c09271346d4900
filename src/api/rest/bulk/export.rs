use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::try_unfold;
use projections::subscriptions::{SubscriptionFilter, SubscriptionState, queries};
use projections::{Cursor, Order, PageRequest};
use schema::{Invalid, TenantId};
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;

use super::Form;
use super::line::{header, written};
use crate::auth::{Caller, authenticate};
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::state::ApiState;

/// Rows read at once: what one export keeps in memory.
const PORTION: u32 = 1_000;

/// How they are written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// `ndjson` (when absent) or `csv`.
    format: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// All subscriptions that have not ended, by the line
///
/// As `POST /v1/bulk/subscriptions` reads them, oldest first; pauses and opt-outs are not carried along. An answer that
/// breaks off did not end.
#[utoipa::path(
    get, path = "/v1/bulk/subscriptions", tag = "subscriptions", params(Which),
    responses((
        status = 200, description = "Subscriptions",
        content((String = "application/x-ndjson"), (String = "text/csv"))
    ))
)]
pub async fn export_subscriptions(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let form = match which.format.as_deref() {
        None | Some("ndjson") => Form::Ndjson,
        Some("csv") => Form::Csv,
        Some(other) => return Err(Invalid::new("format", other, "must be ndjson or csv").into()),
    };
    at_least.wait(&api, "subscriptions").await?;
    let mut key = HeaderMap::new();
    key.extend(headers.get(AUTHORIZATION).map(|value| (AUTHORIZATION, value.clone())));
    let rows = Rows { api, key, tenant: caller.tenant, form, after: None, is_done: false };
    let first = Bytes::from(header(form));
    let rows = try_unfold(rows, Rows::next).map_err(broken_off);
    let whole = futures::StreamExt::chain(futures::stream::iter([Ok(first)]), rows);
    let headers = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "private, no-store")];
    Ok((headers, Body::from_stream(whole)).into_response())
}

/// It has begun to be told, so nothing but its breaking off can say so.
fn broken_off(error: ApiError) -> io::Error {
    warn!("an export of subscriptions broke off: {}", error.detail);
    io::Error::other(error.detail)
}

struct Rows {
    api: ApiState,
    key: HeaderMap,
    tenant: TenantId,
    form: Form,
    after: Option<Cursor>,
    is_done: bool,
}

impl Rows {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        if self.is_done {
            return Ok(None);
        }
        // A key that was revoked meanwhile ends the stream.
        authenticate(&self.api, &self.key)?;
        let now = crate::clock::now().to_chrono();
        let filter = SubscriptionFilter::of(self.tenant.as_str(), now);
        let request = PageRequest::first(PORTION).in_order(Order::Ascending);
        let request = PageRequest { after: self.after, ..request };
        let page = queries::page(&self.api.reads, &filter, &request).await?;
        self.is_done = !page.has_next;
        self.after = page.edges.last().map(|edge| edge.cursor).or(self.after);
        let rows = page.into_rows().into_iter();
        let standing = rows.filter(|row| row.state != SubscriptionState::Ended);
        let lines = standing.map(|row| written(self.form, row)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some((Bytes::from(lines.concat()), self)))
    }
}
