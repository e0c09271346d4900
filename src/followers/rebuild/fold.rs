//! Whole streams folded in memory and written down, by several connections at once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::{TryStreamExt, stream};
use projections::Projection;
use schema::{AggregateType, Position, RecordedEvent};
use sqlx::PgPool;
use store::{LAST_STREAM, Ledger, LogRow, StreamSpan};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::beat::Facts;
use super::pace::Pace;
use super::record::{self, Ticket};
use crate::{FollowerError, FollowersError};

/// Parts that are folded at once: enough to keep two processors and the database busy.
pub(super) const SHARDS: u32 = 4;
/// Events of a part: about 10 MB.
const PART_EVENTS: u32 = 9_000;

/// A fold of whole streams up to a position.
pub(super) struct Fold {
    pub ledger: Arc<Ledger>,
    pub projection: Arc<dyn Projection>,
    /// Connections whose statements write the rebuilt tables.
    pub pool: PgPool,
    pub ticket: Ticket,
    pub through: Position,
    pub skipped: Arc<HashSet<Position>>,
    pub pace: Arc<Pace>,
    pub facts: Arc<Facts>,
}

type Spans = VecDeque<(AggregateType, StreamSpan)>;

impl Fold {
    /// Folds what is not folded yet.
    pub(super) async fn run(
        self: Arc<Self>,
        stop: &CancellationToken,
    ) -> Result<(), FollowersError> {
        let spans = self.undone().await?;
        stream::try_unfold(spans, |spans| self.next(spans, stop))
            .try_for_each_concurrent(SHARDS as usize, |(kind, span)| {
                let writing = tokio::spawn(Arc::clone(&self).write(kind, span));
                async move { AbortOnDropHandle::new(writing).await.map_err(FollowerError::again)? }
            })
            .await
    }

    /// Streams that no part has which is done.
    async fn undone(&self) -> Result<Spans, FollowersError> {
        let mut conn = self.pool.acquire().await?;
        let mut undone = Spans::new();
        for kind in self.projection.follows() {
            let mut after = String::new();
            for done in record::parts(&mut conn, self.ticket.name, kind.as_str()).await? {
                if done.after > after {
                    undone.push_back((*kind, StreamSpan { after, through: done.after }));
                }
                after = done.through;
            }
            if after.as_str() < LAST_STREAM {
                undone.push_back((*kind, StreamSpan { after, through: LAST_STREAM.to_owned() }));
            }
        }
        Ok(undone)
    }

    /// Cuts the next part, when it is time.
    async fn next(
        &self,
        mut spans: Spans,
        stop: &CancellationToken,
    ) -> Result<Option<((AggregateType, StreamSpan), Spans)>, FollowersError> {
        if stop.is_cancelled() {
            return Err(FollowersError::Cancelled);
        }
        let Some((kind, span)) = spans.pop_front() else { return Ok(None) };
        let events = self.pace.part(PART_EVENTS);
        self.pace.wait(events as usize).await;
        let part = self.ledger.cut_streams(kind, &span, events).await?;
        if part.through < span.through {
            let rest = StreamSpan { after: part.through.clone(), through: span.through };
            spans.push_front((kind, rest));
        }
        Ok(Some(((kind, part), spans)))
    }

    /// Reads a part, folds it and writes its rows, with the note that they are written.
    async fn write(
        self: Arc<Self>,
        kind: AggregateType,
        span: StreamSpan,
    ) -> Result<(), FollowersError> {
        let part = self.ledger.read_streams(kind, span.clone(), self.through).await?;
        let rows = spawn_blocking(|| part.decode()).await.map_err(FollowerError::again)?;
        let events = readable(&rows, &self.skipped)?;
        let mut tx = self.pool.begin().await?;
        record::still_ours(&mut tx, self.ticket).await?;
        let built = self.projection.build(&mut tx, &events).await;
        built.map_err(|error| blame(error, &rows))?;
        record::part_done(&mut tx, self.ticket, kind.as_str(), &span, events.len() as i64).await?;
        tx.commit().await?;
        self.facts.apply(events.len());
        Ok(())
    }
}

/// The events of rows, but for those that are skipped; the first that cannot be read stops the rebuild.
pub(super) fn readable<'r>(
    rows: &'r [LogRow],
    skipped: &HashSet<Position>,
) -> Result<Vec<&'r RecordedEvent>, FollowersError> {
    let kept = rows.iter().filter(|row| !skipped.contains(&row.position));
    kept.map(|row| row.decoded().map_err(|error| poison(row, error))).collect()
}

/// Says at which event a fold stopped, if events are to blame.
pub(super) fn blame(error: projections::ProjectionError, rows: &[LogRow]) -> FollowersError {
    let named = match &error {
        projections::ProjectionError::RowMissing { position, .. } => Some(*position),
        _ => None,
    };
    match FollowerError::from(error) {
        FollowerError::Refused(error) => {
            let row = rows.iter().find(|row| Some(row.position) == named);
            match (row, rows.last()) {
                (Some(row), _) => poison(row, &error.to_string()),
                (None, Some(last)) => {
                    poison(last, &format!("in the {} events that end there: {error}", rows.len()))
                }
                (None, None) => FollowerError::Refused(error).into(),
            }
        }
        again => again.into(),
    }
}

fn poison(row: &LogRow, error: &str) -> FollowersError {
    FollowersError::Poison {
        position: row.position,
        event_type: row.event_type.clone(),
        error: error.to_owned(),
    }
}
