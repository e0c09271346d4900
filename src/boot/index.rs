//! The routing index in memory: loaded from the log at start, then fed by the tail and, at once, by own appends.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use aggregates::routing::RoutingIndex;
use anyhow::{Context, Result};
use schema::{AggregateType, Position, RecordedEvent};
use store::{Ledger, LogRow, Subscription, Tail, TailStep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Rows read at once while loading.
const WINDOW: u32 = 10_000;

/// The streams that say who wants what.
const ROUTING: [AggregateType; 6] = [
    AggregateType::Tenant,
    AggregateType::ApiKey,
    AggregateType::Report,
    AggregateType::Recipient,
    AggregateType::Subscription,
    AggregateType::Distribution,
];

/// The index as planning, dispatch and the API share it.
pub type SharedIndex = Arc<RwLock<RoutingIndex>>;

/// Folds the log up to its head into a new index, then hands it and the place from which to go on.
pub async fn load(ledger: &Ledger, tail: &Tail) -> Result<(SharedIndex, Subscription)> {
    let subscription = tail.subscribe();
    let head = *tail.head().borrow();
    let index = SharedIndex::default();
    catch_up(ledger, &index, head).await?;
    info!(log.position = head.0, "the routing index is loaded up to position {head}");
    Ok((index, subscription))
}

/// Keeps the index at the log's end until `stop`.
pub async fn feed(
    ledger: Arc<Ledger>,
    tail: Arc<Tail>,
    index: SharedIndex,
    mut subscription: Subscription,
    stop: CancellationToken,
) -> Result<()> {
    let head = tail.head();
    while let Some(step) = stop.run_until_cancelled(subscription.next()).await {
        match step {
            TailStep::Batch(batch) => follow(&index, &batch.rows, batch.through),
            TailStep::Lagged => {
                let reached = *head.borrow();
                catch_up(&ledger, &index, reached).await?;
            }
            TailStep::Ended => break,
        }
    }
    Ok(())
}

/// Takes what this process appended, as soon as it is durable.
pub fn observe(index: &SharedIndex, events: &[RecordedEvent]) {
    let concerns = |event: &&RecordedEvent| event.stream.aggregate_type != AggregateType::Delivery;
    if !events.iter().any(|event| concerns(&event)) {
        return;
    }
    let mut index = write(index);
    for event in events.iter().filter(concerns) {
        index.apply(&event.metadata.tenant, &event.stream, event.sequence, &event.event);
    }
}

async fn catch_up(ledger: &Ledger, index: &SharedIndex, through: Position) -> Result<()> {
    let mut after = index.read().unwrap_or_else(PoisonError::into_inner).read_at();
    while after < through {
        let window = Position(through.0.min(after.0 + i64::from(WINDOW)));
        let rows = ledger
            .read(after, window, WINDOW, Some(&ROUTING))
            .await
            .context("the routing index cannot be loaded")?;
        follow(index, &rows, window);
        after = window;
    }
    Ok(())
}

fn follow(index: &SharedIndex, rows: &[LogRow], through: Position) {
    let mut index = write(index);
    for row in rows {
        match &row.decoded {
            Ok(event) if event.stream.aggregate_type == AggregateType::Delivery => {}
            Ok(event) => index.follow(event),
            Err(why) => error!(
                log.position = row.position.0,
                "event {} cannot be read and is not routed by: {why}", row.position
            ),
        }
    }
    index.reached(through);
}

fn write(index: &SharedIndex) -> RwLockWriteGuard<'_, RoutingIndex> {
    index.write().unwrap_or_else(PoisonError::into_inner)
}
