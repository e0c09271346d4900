//! Closes a distribution when its plan is complete and every planned delivery is closed: the completeness sums of SPEC
//! §4, settled by the aggregate itself. Resends are deliveries of their own and are not counted.

mod counts;
mod known;
mod proof;
mod queries;

use std::collections::BTreeMap;
use std::sync::Arc;

use aggregates::Decider;
use aggregates::distribution::{Command, Rules};
use async_trait::async_trait;
use followers::{Follower, FollowerError};
use futures::{StreamExt, TryStreamExt, stream};
use schema::events::DistributionEvent;
use schema::{AggregateType, DistributionId, LedgerEvent, RecordedEvent, StreamId};
use sqlx::PgConnection;
use store::{AppendError, Ledger};
use uuid::Uuid;

pub use self::proof::{Mismatch, Proof, ProofError, last_mismatches};

use self::counts::Counts;
use self::known::{Known, Place};
use crate::issue::{Wish, carry_out, failed};

const NAME: &str = "reconciliation";

/// Appends under way at a time: enough for the ledger to commit them in few groups.
const APPENDS_AT_A_TIME: usize = 256;

/// Counts what becomes of every distribution's deliveries and reconciles it at the end.
pub struct Reconciliation {
    ledger: Arc<Ledger>,
    known: Known,
}

/// A distribution whose last delivery closed.
struct Complete {
    counts: Counts,
    /// Its stream as folded so far, if it was seen from its beginning.
    place: Option<Place>,
}

impl Reconciliation {
    /// Over this ledger.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger), known: Known::new() }
    }

    /// Adds what `events` say to what was counted before.
    async fn count(
        &mut self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<BTreeMap<Uuid, Counts>, FollowerError> {
        self.known.learn(&self.ledger, events).await?;
        let touched = self.known.touched(events)?;
        let mut counts = queries::load(conn, &touched).await?;
        for event in events {
            match &event.event {
                LedgerEvent::Distribution(change) => {
                    let distribution = distribution_id(event)?;
                    self.known.follow(distribution, event, change);
                    plan(&mut counts, distribution, event, change);
                }
                LedgerEvent::Delivery(change) => {
                    let Some(ending) = counts::ending(change) else { continue };
                    if let Some(distribution) = self.known.counted_in(event)? {
                        let row = counts.entry(distribution);
                        row.or_insert_with(|| Counts::new(event)).close(event, ending);
                    }
                }
                LedgerEvent::Tenant(_)
                | LedgerEvent::ApiKey(_)
                | LedgerEvent::Report(_)
                | LedgerEvent::Recipient(_)
                | LedgerEvent::Group(_)
                | LedgerEvent::Subscription(_) => {}
            }
        }
        Ok(counts)
    }

    async fn reconcile(&self, distribution: Uuid, done: Complete) -> Result<(), FollowerError> {
        let Complete { counts, place } = done;
        let wish = Wish {
            reactor: NAME,
            tenant: counts.tenant.clone(),
            stream: StreamId::distribution(DistributionId::from_uuid(distribution)),
            because: counts.last,
            addresses: Vec::new(),
        };
        let outcomes = counts.outcomes;
        if let Some(Place { state, sequence }) = place {
            let command = Command::Reconcile { outcomes };
            let events = Rules::decide(&state, command).map_err(FollowerError::refused)?;
            if events.is_empty() {
                return Ok(());
            }
            let events = events.into_iter().map(LedgerEvent::from).collect();
            match self.ledger.append(wish.unit(sequence, events)).await {
                Ok(_) | Err(AppendError::CommandSeen { .. }) => return Ok(()),
                // The stream went on since: what is in the log now decides.
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        carry_out::<Rules>(&self.ledger, &wish, distribution_event, |_| {
            Some(Command::Reconcile { outcomes })
        })
        .await
    }
}

#[async_trait]
impl Follower for Reconciliation {
    fn name(&self) -> &str {
        NAME
    }

    fn follows(&self) -> &[AggregateType] {
        &[AggregateType::Distribution, AggregateType::Delivery]
    }

    fn schema(&self) -> &'static str {
        "reactor"
    }

    fn forget(&mut self) {
        self.known = Known::new();
    }

    async fn apply(
        &mut self,
        conn: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        let counts = self.count(conn, events).await?;
        let (over, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            counts.into_iter().partition(|(_, counts)| counts.is_over());
        queries::store(conn, &open).await?;
        queries::remove(conn, over.keys().copied().collect()).await?;
        let complete: Vec<(Uuid, Complete)> = over
            .into_iter()
            .filter(|(_, counts)| !counts.reconciled)
            .map(|(id, counts)| (id, Complete { counts, place: self.known.take(id) }))
            .collect();
        let reactor = &*self;
        stream::iter(complete)
            .map(|(id, done)| reactor.reconcile(id, done))
            .buffer_unordered(APPENDS_AT_A_TIME)
            .try_collect::<()>()
            .await
    }
}

/// Counts a planned part. Of a distribution that is over, nothing is begun anew by what comes later.
fn plan(
    counts: &mut BTreeMap<Uuid, Counts>,
    distribution: Uuid,
    event: &RecordedEvent,
    change: &DistributionEvent,
) {
    match change {
        DistributionEvent::SlicePlanned { through, sums, .. } => {
            let row = counts.entry(distribution).or_insert_with(|| Counts::new(event));
            row.plan(event, sums.planned, through.is_none());
        }
        DistributionEvent::DistributionReconciled { .. } => {
            if let Some(row) = counts.get_mut(&distribution) {
                row.reconciled = true;
            }
        }
        DistributionEvent::ReportReceived(_)
        | DistributionEvent::VersionCorrected { .. }
        | DistributionEvent::VersionWithdrawn { .. } => {}
    }
}

fn distribution_id(event: &RecordedEvent) -> Result<Uuid, FollowerError> {
    let id = event.stream.aggregate_id.parse::<DistributionId>();
    Ok(id.map_err(FollowerError::refused)?.as_uuid())
}

fn distribution_event(event: &RecordedEvent) -> Option<&DistributionEvent> {
    match &event.event {
        LedgerEvent::Distribution(event) => Some(event),
        _ => None,
    }
}
