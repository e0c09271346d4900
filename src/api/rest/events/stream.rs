use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::try_unfold;
use schema::{AggregateType, Invalid, Position, TenantId};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::warn;
use utoipa::IntoParams;

use super::envelope::line;
use crate::auth::{Caller, authenticate};
use crate::error::{ApiError, Code};
use crate::extract::Query;
use crate::position::AtLeast;
use crate::state::ApiState;

/// Positions read at once: what one stream keeps in memory.
const PORTION: u32 = 1_000;

/// From where on, and what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Only events behind this position: that of the last one you have. 0 when absent.
    after: Option<i64>,
    /// At most so many events; all there are when absent.
    limit: Option<u64>,
    /// Only streams of these kinds, separated by commas, as in `delivery,distribution`.
    types: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// The tenant's events, one by one
///
/// In the log's order, each a line: a CloudEvent in JSON with the attributes of the mirror's headers and, as `data`,
/// the stored payload; personal data stay sealed. It ends where the log was complete when you asked; an answer that
/// breaks off did not end: go on behind the last whole line.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(Which),
    responses((status = 200, description = "Events", body = String, content_type = "application/x-ndjson"))
)]
pub async fn stream_events(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = Position(which.after.unwrap_or_default());
    if after < Position::START {
        return Err(Invalid::new("after", &after.to_string(), "must be 0 or more").into());
    }
    if which.limit == Some(0) {
        return Err(Invalid::new("limit", "0", "must be 1 or more").into());
    }
    let kinds = which.types.as_deref().map(kinds).transpose()?;
    let mut through = reached(&api, "after", after).await?;
    if let Some(wanted) = at_least.0 {
        through = through.max(reached(&api, "at_least_position", wanted).await?);
    }
    let place = api.event_streams().try_acquire_owned().map_err(|_| {
        let detail = "as many streams of events as there may be are under way; try again";
        ApiError::new(Code::Overloaded, detail)
    })?;
    let source = format!("urn:uuid:{}", api.ledger.installation().await?);
    let mut key = HeaderMap::new();
    key.extend(headers.get(AUTHORIZATION).map(|value| (AUTHORIZATION, value.clone())));
    let left = which.limit.unwrap_or(u64::MAX);
    let tenant = caller.tenant;
    let stream = Events { api, key, tenant, source, kinds, after, through, left, _place: place };
    let body = Body::from_stream(try_unfold(stream, Events::next).map_err(broken_off));
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "private, no-store")];
    Ok((headers, body).into_response())
}

/// It has begun to be told, so nothing but its breaking off can say so.
fn broken_off(error: ApiError) -> io::Error {
    warn!("a stream of events broke off: {}", error.detail);
    io::Error::other(error.detail)
}

/// The kinds of streams that a list names.
fn kinds(list: &str) -> Result<Vec<AggregateType>, Invalid> {
    let kind = |name: &str| {
        name.parse().map_err(|_| {
            let all = AggregateType::ALL.map(AggregateType::as_str).join(", ");
            Invalid::new("types", name, format!("must be among {all}"))
        })
    };
    list.split(',').map(str::trim).map(kind).collect()
}

/// How far the log is complete, which must be as far as `wanted`: only what is written is waited for.
async fn reached(api: &ApiState, field: &str, wanted: Position) -> Result<Position, ApiError> {
    let mut head = api.tail.head();
    let complete = *head.borrow_and_update();
    if complete >= wanted {
        return Ok(complete);
    }
    let written = api.ledger.head().await?;
    if wanted > written {
        let rule = format!("must not lie ahead of the log, which is at {written}");
        return Err(Invalid::new(field, &wanted.to_string(), rule).into());
    }
    let patience = Duration::from_millis(api.config.position_wait_ms);
    let waited = timeout(patience, head.wait_for(|head| *head >= wanted)).await;
    match waited {
        Ok(Ok(head)) => Ok(*head),
        _ => {
            let rule = format!("must have been reached, and the log is complete up to {complete}");
            let invalid = Invalid::new(field, &wanted.to_string(), rule);
            Err(ApiError::named(Code::PositionNotReached, invalid))
        }
    }
}

/// What is still to be told. The next portion is read when the one before has been taken.
struct Events {
    api: ApiState,
    key: HeaderMap,
    tenant: TenantId,
    source: String,
    kinds: Option<Vec<AggregateType>>,
    after: Position,
    through: Position,
    left: u64,
    _place: OwnedSemaphorePermit,
}

impl Events {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        if self.left == 0 || self.after >= self.through {
            return Ok(None);
        }
        // A key that was revoked meanwhile ends the stream.
        authenticate(&self.api, &self.key)?;
        let (after, through) = (self.after, self.through);
        let kinds = self.kinds.as_deref();
        let ledger = &self.api.ledger;
        let rows = ledger.read_of(&self.tenant, after, through, PORTION, kinds).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.position;
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(rows.len());
        self.left -= count as u64;
        let lines = rows.iter().take(count).map(|row| line(row, &self.source));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        Ok(Some((Bytes::from(lines.concat()), self)))
    }
}
