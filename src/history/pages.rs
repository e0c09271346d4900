use schema::{AggregateType, Position, RecordedEvent, StreamId, TenantId};
use store::{Ledger, LogRow};

use crate::HistoryError;

/// Rows read at once.
const ROWS: u32 = 2_000;
/// The same, where distributions are among them: a planning slice's row may hold 2,000 decisions.
const SLICE_ROWS: u32 = 200;

/// Which of a tenant's events.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// One stream's.
    Stream(StreamId),
    /// Those of all streams of these kinds; none is a delivery.
    Kinds(&'static [AggregateType]),
}

impl Source {
    fn rows(&self) -> u32 {
        let has_slices = match self {
            Self::Stream(stream) => stream.aggregate_type == AggregateType::Distribution,
            Self::Kinds(kinds) => kinds.contains(&AggregateType::Distribution),
        };
        if has_slices { SLICE_ROWS } else { ROWS }
    }
}

/// A prefix of the log, page by page: what is held at once is a page, however long it is.
pub(crate) struct Pages<'l> {
    ledger: &'l Ledger,
    tenant: &'l TenantId,
    source: Source,
    through: Position,
    after: (Position, i64),
    is_done: bool,
}

impl<'l> Pages<'l> {
    /// From the beginning up to `through`.
    pub fn new(
        ledger: &'l Ledger,
        tenant: &'l TenantId,
        source: Source,
        through: Position,
    ) -> Self {
        Self { ledger, tenant, source, through, after: (Position::START, 0), is_done: false }
    }

    /// The next events in their order; none once there are no more.
    pub async fn next(&mut self) -> Result<Option<Vec<RecordedEvent>>, HistoryError> {
        if self.is_done {
            return Ok(None);
        }
        let Self { ledger, tenant, through, after: (position, sequence), .. } = *self;
        let limit = self.source.rows();
        let rows = match &self.source {
            Source::Stream(stream) => {
                ledger.read_stream(tenant, stream, sequence, through, limit).await?
            }
            Source::Kinds(kinds) => {
                ledger.read_kinds(tenant, kinds, position, through, limit).await?
            }
        };
        self.is_done = rows.len() < limit as usize;
        if let Some(last) = rows.last() {
            self.after = (last.position, last.sequence);
        }
        rows.into_iter().map(readable).collect::<Result<_, _>>().map(Some)
    }
}

/// The event in a row, or which one this program cannot read.
pub(crate) fn readable(row: LogRow) -> Result<RecordedEvent, HistoryError> {
    let (position, event_type, event_version) =
        (row.position, row.event_type.clone(), row.event_version.clone());
    row.into_decoded().map_err(|why| HistoryError::Unreadable {
        position,
        event_type,
        event_version,
        why,
    })
}
