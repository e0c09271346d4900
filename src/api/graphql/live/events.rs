use std::collections::VecDeque;

use async_graphql::SimpleObject;
use futures::{Stream, stream};
use schema::Position;
use store::LogRow;

use super::feed::{Feed, Step, slow};
use crate::graphql::fault::{Fault, FaultCode};
use crate::graphql::scalars::{Count, Instant, LogPosition};

/// An event as the log holds it.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogEvent {
    /// Its place in the log.
    pub position: LogPosition,
    /// When the database took it.
    pub recorded_at: Instant,
    /// The kind of its stream.
    pub aggregate_type: String,
    /// Which stream of that kind.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: Count,
    /// The event's name.
    #[graphql(name = "type")]
    pub kind: String,
    /// The version it was written with.
    pub version: String,
    /// Who caused it; none when the event is newer than this program.
    pub actor: Option<String>,
    /// The exact stored text of the payload, a JSON object.
    pub payload: String,
    /// The exact stored text of the metadata, a JSON object.
    pub metadata: String,
}

impl From<LogRow> for LogEvent {
    fn from(row: LogRow) -> Self {
        let actor = row.decoded().ok().map(|event| event.metadata.actor.to_string());
        Self {
            position: LogPosition(row.position),
            recorded_at: Instant(row.recorded_at),
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            sequence: Count(row.sequence),
            kind: row.event_type,
            version: row.event_version,
            actor,
            payload: row.payload,
            metadata: row.metadata,
        }
    }
}

/// The feed's rows one by one; those of `types` only, when any are named.
pub(super) fn events(
    feed: Feed,
    types: Vec<String>,
) -> impl Stream<Item = Result<LogEvent, Fault>> {
    let state = Some((Events { feed, waiting: VecDeque::new() }, types));
    stream::unfold(state, |state| async move {
        let (mut events, types) = state?;
        match events.next(&types).await {
            Ok(row) => Some((Ok(row.into()), Some((events, types)))),
            Err(fault) => Some((Err(fault), None)),
        }
    })
}

/// A row was written by a newer program than this one: a stream ends in front of it.
pub(super) fn newer(row: &LogRow) -> Fault {
    let told = "an event was written by a newer program than this one";
    Fault::new(FaultCode::Unavailable, told).at_position(Position(row.position.0 - 1))
}

/// A feed taken row by row.
pub(super) struct Events {
    pub(super) feed: Feed,
    pub(super) waiting: VecDeque<LogRow>,
}

impl Events {
    async fn next(&mut self, types: &[String]) -> Result<LogRow, Fault> {
        loop {
            while let Some(row) = self.waiting.pop_front() {
                if types.is_empty() || types.contains(&row.event_type) {
                    return Ok(row);
                }
            }
            self.refill().await?;
        }
    }

    /// Waits for more rows.
    ///
    /// # Errors
    /// A slow subscriber is told where it stood.
    pub(super) async fn refill(&mut self) -> Result<(), Fault> {
        let before = self.feed.last();
        match self.feed.next().await {
            Ok(Step::Rows(rows)) => self.waiting.extend(rows),
            Ok(Step::Lagged) => return Err(slow(before)),
            Err(fault) => return Err(fault.at_position(before)),
        }
        Ok(())
    }
}
