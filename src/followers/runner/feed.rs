//! Where a follower's rows come from: from the tail, shared with all others, while it is at the head; read for itself,
//! only what concerns it and in bounded parts, while it is behind.

use std::sync::Arc;

use futures::FutureExt;
use schema::{AggregateType, Position, Sha256};
use store::{Batch, Ledger, LogIdentity, LogRow, StoreError, Subscription, Tail, TailStep};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Positions looked through at a time while behind, so that a heartbeat comes between.
const SPAN: i64 = 50_000;

/// From so many rows on, a follower lingers before it takes the next.
const BUSY_ROWS: usize = 64;

enum Part {
    Shared(Arc<Batch>),
    Own(Vec<LogRow>),
}

impl Part {
    fn rows(&self) -> &[LogRow] {
        match self {
            Self::Shared(batch) => &batch.rows,
            Self::Own(rows) => rows,
        }
    }
}

/// Rows to apply, with where they end.
pub(super) struct Portion {
    parts: Vec<Part>,
    after: Position,
    /// The last position looked at.
    pub through: Position,
    /// Hash of the event there, where no row tells.
    hash: Option<Sha256>,
}

impl Portion {
    fn of(batch: Arc<Batch>, after: Position) -> Self {
        let through = batch.through;
        Self { parts: vec![Part::Shared(batch)], after, through, hash: None }
    }

    /// The rows, in order. Read while behind, only those that concern the follower.
    pub(super) fn rows(&self) -> impl Iterator<Item = &LogRow> {
        self.parts.iter().flat_map(Part::rows).filter(|row| row.position > self.after)
    }

    /// Whether so much is going on that the next part had better be a larger one.
    pub(super) fn is_busy(&self) -> bool {
        self.parts.iter().map(|part| part.rows().len()).sum::<usize>() >= BUSY_ROWS
    }

    /// Hash of the event at its end, if there is one.
    pub(super) fn end_hash(&self) -> Option<Sha256> {
        let last = self.parts.last().and_then(|part| part.rows().last());
        let last = last.filter(|row| row.position == self.through);
        last.map(LogIdentity::hash).or(self.hash)
    }
}

/// What a follower is to be fed.
#[derive(Clone)]
pub(super) struct Wants {
    /// All kinds, when absent.
    pub types: Option<Vec<AggregateType>>,
    /// Rows of a part, at most.
    pub limit: u32,
    /// Whether events are read beforehand.
    pub looks_into: bool,
}

impl Wants {
    /// The part behind `position`, as far as `known`.
    async fn part(
        &self,
        ledger: &Ledger,
        position: Position,
        known: Position,
    ) -> Result<Portion, StoreError> {
        let through = Position(known.0.min(position.0.saturating_add(SPAN)));
        let rows = ledger.read(position, through, self.limit, self.types.as_deref()).await?;
        let Some(last) = rows.last() else {
            let hash = ledger.event_hash(through).await?;
            return Ok(Portion { parts: vec![], after: position, through, hash });
        };
        let through = last.position;
        if self.looks_into {
            for row in &rows {
                let _ = row.decoded();
            }
        }
        Ok(Portion { parts: vec![Part::Own(rows)], after: position, through, hash: None })
    }
}

/// A part that is read while the one before it is applied.
struct Ahead {
    after: Position,
    reading: AbortOnDropHandle<Result<Portion, StoreError>>,
}

pub(super) struct Feed {
    ledger: Arc<Ledger>,
    subscription: Subscription,
    head: watch::Receiver<Position>,
    wants: Wants,
    ahead: Option<Ahead>,
    /// Rows up to here must be read for oneself.
    known: Position,
}

impl Feed {
    pub(super) fn new(ledger: &Arc<Ledger>, tail: &Tail, wants: Wants) -> Self {
        let subscription = tail.subscribe();
        let head = tail.head();
        let known = *head.borrow();
        Self { ledger: Arc::clone(ledger), subscription, head, wants, ahead: None, known }
    }

    /// The log's end, as the tail knows it.
    pub(super) fn head(&self) -> Position {
        (*self.head.borrow()).max(self.known)
    }

    /// Whether rows behind `position` must be read for oneself: that does not wait.
    pub(super) fn is_behind(&self, position: Position) -> bool {
        position < self.known
    }

    /// The next part while behind. The one after it is read while this one is applied.
    pub(super) async fn read(&mut self, position: Position) -> Result<Portion, StoreError> {
        let ahead = self.ahead.take().filter(|ahead| ahead.after == position);
        let read = match ahead {
            Some(ahead) => ahead.reading.await.ok(),
            None => None,
        };
        let portion = match read {
            Some(read) => read?,
            None => self.wants.part(&self.ledger, position, self.known).await?,
        };
        if self.is_behind(portion.through) {
            self.ahead = Some(self.read_on(portion.through));
        }
        Ok(portion)
    }

    fn read_on(&self, after: Position) -> Ahead {
        let (ledger, wants, known) = (Arc::clone(&self.ledger), self.wants.clone(), self.known);
        let reading = tokio::spawn(async move { wants.part(&ledger, after, known).await });
        Ahead { after, reading: AbortOnDropHandle::new(reading) }
    }

    /// What comes after `position` at the head; nothing when the tail has ended. Safe to drop: nothing that was
    /// received is lost by it.
    pub(super) async fn listen(&mut self, position: Position) -> Option<Heard> {
        let step = self.subscription.next().await;
        let mut portion = match self.place(position, step) {
            Placed::Follows(batch) => Portion::of(batch, position),
            Placed::Old | Placed::Gap => return Some(Heard::Nothing),
            Placed::Ended => return None,
        };
        // What has piled up meanwhile goes into the same transaction.
        let mut count = portion.rows().count();
        while count < self.wants.limit as usize {
            let Some(step) = self.subscription.next().now_or_never() else { break };
            let Placed::Follows(batch) = self.place(portion.through, step) else { break };
            count += batch.rows.len();
            portion.through = batch.through;
            portion.parts.push(Part::Shared(batch));
        }
        Some(Heard::Rows(portion))
    }

    /// Where a step of the tail stands to `position`. After a gap, what is missing is known and read for oneself.
    fn place(&mut self, position: Position, step: TailStep) -> Placed {
        match step {
            TailStep::Ended => Placed::Ended,
            TailStep::Lagged => {
                self.known = self.head();
                Placed::Gap
            }
            TailStep::Batch(batch) if batch.through <= position => Placed::Old,
            TailStep::Batch(batch) if batch.after > position => {
                self.known = self.head().max(batch.through);
                Placed::Gap
            }
            TailStep::Batch(batch) => Placed::Follows(batch),
        }
    }
}

/// What was heard at the head.
pub(super) enum Heard {
    /// Rows to apply.
    Rows(Portion),
    /// Nothing that follows: look whether one is behind.
    Nothing,
}

enum Placed {
    Follows(Arc<Batch>),
    Old,
    Gap,
    Ended,
}
