use schema::{AggregateType, Position};

use super::{LogRow, RawRow, queries};
use crate::{Ledger, StoreError};

/// Behind every stream's id.
pub const LAST_STREAM: &str = "\u{10FFFF}";

/// Streams of one kind by their ids, in the order of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpan {
    /// Behind this one.
    pub after: String,
    /// Up to and with this one.
    pub through: String,
}

/// Whole streams as they are stored; what is in them is decoded where there is time for it.
pub struct StreamPart {
    /// Which streams these are.
    pub span: StreamSpan,
    rows: Vec<RawRow>,
}

impl StreamPart {
    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The events, stream by stream. One that cannot be decoded is a value in its row. Takes processor time.
    #[must_use]
    pub fn decode(self) -> Vec<LogRow> {
        self.rows.into_iter().map(LogRow::from).collect()
    }
}

impl Ledger {
    /// The first streams of `span` that have about `events` events together, each whole up to `through`, which must be
    /// a position the tail has reached. The part's span ends where that of the question does when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_streams(
        &self,
        kind: AggregateType,
        span: &StreamSpan,
        through: Position,
        events: u32,
    ) -> Result<StreamPart, StoreError> {
        let mut limit = i64::from(events.max(1));
        loop {
            let mut rows = queries::part(self.reads(), kind, span, through.0, limit).await?;
            let mut ends = span.through.clone();
            if i64::try_from(rows.len()).is_ok_and(|count| count == limit) {
                // The last stream may go on: it is for the next part, unless it is the only one.
                let last = rows.pop().map(|row| row.aggregate_id).unwrap_or_default();
                while rows.last().is_some_and(|row| row.aggregate_id == last) {
                    rows.pop();
                }
                let Some(before) = rows.last() else {
                    limit *= 4;
                    continue;
                };
                ends.clone_from(&before.aggregate_id);
            }
            let span = StreamSpan { after: span.after.clone(), through: ends };
            return Ok(StreamPart { span, rows });
        }
    }

    /// About how many events there are of these kinds, as the database's statistics have it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn estimated_events(&self, kinds: &[AggregateType]) -> Result<i64, StoreError> {
        Ok(queries::estimate(self.reads(), kinds).await?)
    }
}
