//! Read your own writes: a reader that names a position waits, within bounds, until the read model has reached it.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schema::{Invalid, Position};
use tokio::time::{Instant, sleep};

use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// The header that names the position; the query parameter is `at_least_position`.
pub const AT_LEAST: &str = "waybill-at-least-position";
/// How often the checkpoint is looked at.
const POLL: Duration = Duration::from_millis(5);

/// What a reader insists on having seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtLeast(pub Option<Position>);

impl AtLeast {
    /// Waits until `follower` has reached the position.
    ///
    /// # Errors
    /// [`Code::PositionNotReached`] when the configured time is over.
    pub async fn wait(self, api: &ApiState, follower: &str) -> Result<(), ApiError> {
        let Some(wanted) = self.0 else { return Ok(()) };
        let end = Instant::now() + Duration::from_millis(api.config.position_wait_ms);
        loop {
            let reached = api.read_position.reached(follower).await?;
            if reached >= wanted {
                return Ok(());
            }
            if Instant::now() >= end {
                let detail = format!("{follower} is at {reached}, not yet at {wanted}");
                return Err(ApiError::new(Code::PositionNotReached, detail).at("at_least_position"));
            }
            sleep(POLL).await;
        }
    }
}

impl<S: Sync> FromRequestParts<S> for AtLeast {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let header = parts.headers.get(AT_LEAST).and_then(|value| value.to_str().ok());
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "at_least_position")
            .map(|(_, value)| value.into_owned());
        let Some(text) = query.as_deref().or(header) else { return Ok(Self(None)) };
        let position = text.parse().ok().filter(|position| *position >= 0);
        let rule = "must be a position an answer of this API named";
        let wrong = || Invalid::new("at_least_position", text, rule);
        Ok(Self(Some(Position(position.ok_or_else(wrong)?))))
    }
}

/// What a reader insists on having seen, as the description names it.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AtLeastQuery {
    /// Wait until this position can be read, 5 s at most; also the header `Waybill-At-Least-Position`.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}
