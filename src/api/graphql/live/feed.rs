use std::sync::Arc;

use async_graphql::Context;
use schema::{AggregateType, Position, TenantId};
use store::{Ledger, LogRow, Subscription, Tail, TailStep};

use crate::graphql::fault::{Fault, FaultCode};
use crate::graphql::limits::REPLAY_WINDOW;
use crate::graphql::scalars::LogPosition;
use crate::graphql::session::Session;

/// The log's rows behind a position, first read back, then as the tail brings them. No row is missing, none comes
/// twice.
pub(super) struct Feed {
    tail: Arc<Tail>,
    ledger: Arc<Ledger>,
    tenant: TenantId,
    source: Source,
    /// Everything up to here was handed out.
    last: Position,
}

enum Source {
    /// Far behind: read by windows, without holding a place at the tail that would only overflow.
    Replay,
    /// A place at the tail is held; the rest up to `through` is read, what arrives by then waits there.
    Joining { place: Subscription, through: Position },
    /// At the tail.
    Live(Subscription),
}

/// What a feed gives next.
pub(super) enum Step {
    /// The tenant's rows among the next ones. May be empty.
    Rows(Vec<LogRow>),
    /// The subscriber was too slow for the tail's bounded queue.
    Lagged,
}

impl Feed {
    /// Begins behind `after`, or at the log's end as it is now.
    ///
    /// # Errors
    /// Bad input when `after` lies ahead of the log.
    pub(super) async fn start(
        ctx: &Context<'_>,
        after: Option<LogPosition>,
    ) -> Result<Self, Fault> {
        let session = Session::of(ctx)?;
        let tail = &session.api().tail;
        let place = tail.subscribe();
        let head = *tail.head().borrow();
        let (source, last) = match after {
            None => (Source::Live(place), head),
            Some(after) => {
                let seen = session.api().ledger.head().await?;
                if after.0 > seen.max(head) {
                    return Err(Fault::bad_input(format!(
                        "after lies ahead of the log, which is at {head}"
                    )));
                }
                (Source::Replay, after.0)
            }
        };
        let ledger = Arc::clone(&session.api().ledger);
        Ok(Self { tail: Arc::clone(tail), ledger, tenant: session.tenant().clone(), source, last })
    }

    /// Everything up to here was handed out.
    pub(super) const fn last(&self) -> Position {
        self.last
    }

    /// The next rows. Safe to drop and call again.
    ///
    /// # Errors
    /// Unavailable, when the database is away or this node is going down.
    pub(super) async fn next(&mut self) -> Result<Step, Fault> {
        loop {
            match &mut self.source {
                Source::Replay => {
                    let head = *self.tail.head().borrow();
                    if head.0 - self.last.0 > i64::from(REPLAY_WINDOW) {
                        return self.replay(head).await.map(Step::Rows);
                    }
                    let place = self.tail.subscribe();
                    let through = *self.tail.head().borrow();
                    self.source = Source::Joining { place, through };
                }
                Source::Joining { through, .. } => {
                    let through = *through;
                    if self.last < through {
                        return self.replay(through).await.map(Step::Rows);
                    }
                    self.go_live();
                }
                Source::Live(place) => match place.next().await {
                    TailStep::Batch(batch) => {
                        let fresh = batch.rows.iter().filter(|row| row.position > self.last);
                        let rows = fresh.filter(|row| is_of(row, &self.tenant)).cloned().collect();
                        self.last = self.last.max(batch.through);
                        return Ok(Step::Rows(rows));
                    }
                    TailStep::Lagged => return Ok(Step::Lagged),
                    TailStep::Ended => {
                        let told = "this node is going down; connect to another";
                        return Err(Fault::new(FaultCode::Unavailable, told).at_position(self.last));
                    }
                },
            }
        }
    }

    /// A lagging feed starts over at the log's end: for those who only want to know how things stand now.
    pub(super) fn skip_to_end(&mut self) {
        let place = self.tail.subscribe();
        self.last = self.last.max(*self.tail.head().borrow());
        self.source = Source::Live(place);
    }

    fn go_live(&mut self) {
        if let Source::Joining { place, .. } = std::mem::replace(&mut self.source, Source::Replay) {
            self.source = Source::Live(place);
        }
    }

    async fn replay(&mut self, through: Position) -> Result<Vec<LogRow>, Fault> {
        let rows = self.ledger.read(self.last, through, REPLAY_WINDOW, NO_KINDS).await?;
        self.last = rows.last().map_or(through, |row| row.position);
        Ok(rows.into_iter().filter(|row| is_of(row, &self.tenant)).collect())
    }
}

const NO_KINDS: Option<&[AggregateType]> = None;

/// Whether a row is the tenant's. One this program cannot read still says whose it is.
fn is_of(row: &LogRow, tenant: &TenantId) -> bool {
    match row.decoded() {
        Ok(event) => event.metadata.tenant == *tenant,
        Err(_) => serde_json::from_str::<schema::Metadata>(&row.metadata)
            .is_ok_and(|metadata| metadata.tenant == *tenant),
    }
}

/// The subscriber fell behind the tail's bounded queue.
pub(super) fn slow(last: Position) -> Fault {
    let told = format!("the subscriber fell behind; ask again after position {last}");
    Fault::new(FaultCode::SlowConsumer, told).at_position(last)
}
