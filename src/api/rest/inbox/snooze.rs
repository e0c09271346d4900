use axum::extract::State;
use schema::Invalid;
use schema::events::EntryMark;
use serde::Deserialize;
use utoipa::ToSchema;

use super::mark::mark;
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path, instant};
use crate::outcome::{Done, Ordered};
use crate::state::ApiState;

/// Until when an entry is put off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Snooze {
    /// When it is shown again: an RFC 3339 instant in the future, at most 30 days ahead.
    #[schema(example = "2026-12-01T08:00:00Z")]
    until: String,
}

/// Put an entry off
///
/// Until then it is not counted as unread. It can be moved, or ended by `unsnooze`.
#[utoipa::path(
    post, path = "/v1/inbox/{delivery}/snooze", tag = "recipients' own",
    params(("delivery" = String, Path, description = "The entry, by its delivery")),
    request_body = Snooze,
    responses((status = 200, description = "Put off, or already so", body = Ordered))
)]
pub async fn snooze_entry(
    State(api): State<ApiState>,
    Path(delivery): Path<String>,
    change: Change,
    body: JsonBody<Snooze>,
) -> Result<Done, ApiError> {
    let missing = || Invalid::new("until", "", "is missing");
    let until = instant("until", Some(&body.value.until))?.ok_or_else(missing)?;
    let done = mark(&api, &delivery, &change, &body.bytes, EntryMark::Snoozed { until }).await;
    done.map_err(|error| match error.rule.as_deref() {
        Some("snooze_over" | "snooze_too_long") => error.at("until"),
        _ => error,
    })
}
