use std::time::Duration;

use async_graphql::OneofObject;
use history::AsOf;
use schema::Position;
use tokio::time::timeout;

use crate::graphql::fault::Fault;
use crate::graphql::scalars::{Instant, LogPosition};
use crate::graphql::session::Session;

/// When something is asked about: one of the two.
#[derive(Clone, Copy, Debug, OneofObject)]
pub enum Moment {
    /// When the log ended at this position.
    Position(LogPosition),
    /// At this instant, by the database's clock.
    At(Instant),
}

impl Moment {
    /// Where that is in the log.
    ///
    /// # Errors
    /// Bad input when it is not reached yet, or lies before the first event.
    pub async fn resolve(self, session: &Session) -> Result<history::Moment, Fault> {
        let (as_of, wanted) = match self {
            Self::Position(LogPosition(position)) => (AsOf::Position(position), Some(position)),
            Self::At(Instant(instant)) => (AsOf::Instant(instant), None),
        };
        let head = head(session, wanted).await?;
        Ok(as_of.resolve(&session.api().ledger, head).await?)
    }
}

/// Where the log is complete. Waits, within bounds, until that is what can be seen now, or the position wanted.
pub async fn head(session: &Session, wanted: Option<Position>) -> Result<Position, Fault> {
    let mut head = session.api().tail.head();
    let reached = *head.borrow();
    if wanted.is_some_and(|wanted| wanted <= reached) {
        return Ok(reached);
    }
    let seen = session.api().ledger.head().await?;
    let wanted = wanted.map_or(seen, |wanted| wanted.min(seen));
    let patience = Duration::from_millis(session.api().config.position_wait_ms);
    // A tail that is held up answers with what it has.
    drop(timeout(patience, head.wait_for(|head| *head >= wanted)).await);
    let reached = *head.borrow();
    Ok(reached)
}
