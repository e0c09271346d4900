use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use projections::tenants::queries::{self, PauseRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::PauseScopeBody;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::position::{AtLeast, AtLeastQuery};
use crate::rest::listing::Listing;
use crate::rest::words::ChannelWord;
use crate::state::ApiState;

/// A pause that holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseView {
    /// What is held back.
    scope: PauseScopeBody,
    /// Why.
    reason: String,
    /// By whom.
    paused_by: String,
    /// Since when.
    paused_at: DateTime<Utc>,
}

impl From<PauseRow> for PauseView {
    fn from(row: PauseRow) -> Self {
        let scope = match (row.channel, row.destination) {
            (Some(channel), _) => PauseScopeBody::Channel { channel: ChannelWord(channel) },
            (None, Some(destination)) => PauseScopeBody::Destination { destination },
            (None, None) => PauseScopeBody::All {},
        };
        Self { scope, reason: row.reason, paused_by: row.paused_by, paused_at: row.paused_at }
    }
}

/// What is held back now
#[utoipa::path(
    get, path = "/v1/pauses", tag = "pauses", params(AtLeastQuery),
    responses((status = 200, description = "All pauses that hold", body = Listing<PauseView>))
)]
pub async fn list_pauses(
    State(api): State<ApiState>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<PauseView>>, ApiError> {
    at_least.wait(&api, "tenants").await?;
    let rows = queries::pauses(&api.reads, caller.tenant.as_str()).await?;
    Ok(Json(Listing { rows: rows.into_iter().map(PauseView::from).collect(), next: None }))
}
