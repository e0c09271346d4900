//! Read your own writes: a reader that names a position waits, within bounds, until the read model has reached it.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schema::{Invalid, Position};
use tokio::time::{Instant, sleep_until};

use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// The header that names the position; the query parameter is `at_least_position`.
pub const AT_LEAST: &str = "waybill-at-least-position";
/// How long a reader waits before it looks at the checkpoint again: at first, and, doubled each time, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// What a reader insists on having seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtLeast(pub Option<Position>);

impl AtLeast {
    /// Waits until `follower` has reached the position.
    ///
    /// # Errors
    /// [`Code::Invalid`] when the log itself has not come so far; [`Code::PositionNotReached`] when the configured time
    /// is over.
    pub async fn wait(self, api: &ApiState, follower: &str) -> Result<(), ApiError> {
        let Some(wanted) = self.0 else { return Ok(()) };
        let mut reached = api.read_position.reached(follower).await?;
        if reached >= wanted {
            return Ok(());
        }
        check_written(api, wanted).await?;
        let end = Instant::now() + Duration::from_millis(api.config.position_wait_ms);
        let mut pause = FIRST_PAUSE;
        while reached < wanted {
            if Instant::now() >= end {
                let rule = format!("must have been reached by {follower}, which is at {reached}");
                let invalid = Invalid::new("at_least_position", &wanted.to_string(), rule);
                return Err(ApiError::named(Code::PositionNotReached, invalid));
            }
            sleep_until(end.min(Instant::now() + pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            reached = api.read_position.reached(follower).await?;
        }
        Ok(())
    }
}

/// Nobody waits for what is not yet written.
///
/// # Errors
/// [`Code::Invalid`] when the position lies ahead of the log.
pub async fn check_written(api: &ApiState, wanted: Position) -> Result<(), ApiError> {
    let head = api.ledger.head().await?;
    if wanted <= head {
        return Ok(());
    }
    let rule = format!("must not lie ahead of the log, which is at {head}");
    Err(Invalid::new("at_least_position", &wanted.to_string(), rule).into())
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
