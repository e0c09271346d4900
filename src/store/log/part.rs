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
    /// The events, stream by stream. One that cannot be decoded is a value in its row. Takes processor time.
    #[must_use]
    pub fn decode(self) -> Vec<LogRow> {
        self.rows.into_iter().map(LogRow::from).collect()
    }
}

impl Ledger {
    /// The first streams of `span`, whole ones, that have about `events` events together. Reads an index alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn cut_streams(
        &self,
        kind: AggregateType,
        span: &StreamSpan,
        events: u32,
    ) -> Result<StreamSpan, StoreError> {
        let cut = queries::cut(self.reads(), kind, span, i64::from(events)).await?;
        let through = cut.unwrap_or_else(|| span.through.clone());
        Ok(StreamSpan { after: span.after.clone(), through })
    }

    /// The streams of `span`, each up to `through`, which must be a position the tail has reached.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_streams(
        &self,
        kind: AggregateType,
        span: StreamSpan,
        through: Position,
    ) -> Result<StreamPart, StoreError> {
        let rows = queries::part(self.reads(), kind, &span, through.0).await?;
        Ok(StreamPart { span, rows })
    }

    /// About how many events there are of these kinds, as the database's statistics have it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn estimated_events(&self, kinds: &[AggregateType]) -> Result<i64, StoreError> {
        Ok(queries::estimate(self.reads(), kinds).await?)
    }
}
