use schema::{AggregateType, StreamId, TenantId};
use serde::Serialize;
use serde_json::Value;
use store::Ledger;

use crate::sealing::hidden;
use crate::standing::{Change, Course};
use crate::{HistoryError, Moment};

/// How something stood at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What kind of thing.
    pub kind: AggregateType,
    /// Which one.
    pub id: String,
    /// As of when.
    #[serde(flatten)]
    pub as_of: Moment,
    /// What its events up to there add up to; each sealed value is `"sealed"`.
    pub state: Value,
    /// The last of them; none when there was nothing yet.
    pub last_change: Option<Change>,
}

impl Answer {
    /// How a stream of `tenant`'s stood at a moment. Another tenant's is as one that never began.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] for a kind that is not answered; [`HistoryError::Unreadable`] when an event is newer
    /// than this program; the store's.
    pub async fn of(
        ledger: &Ledger,
        tenant: &TenantId,
        stream: &StreamId,
        as_of: Moment,
    ) -> Result<Self, HistoryError> {
        let span = (as_of.position, as_of.position);
        let course = Course::of(ledger, tenant, stream, span).await?;
        let (kind, id) = (stream.aggregate_type, stream.local_id().to_owned());
        Ok(Self { kind, id, as_of, state: hidden(course.after), last_change: course.last_before })
    }
}
