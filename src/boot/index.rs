//! The routing index in memory: loaded from the log at start, then fed by the tail and, at once, by own appends.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use aggregates::routing::RoutingIndex;
use anyhow::{Context, Result};
use schema::{AggregateType, Position, RecordedEvent};
use store::{Ledger, LogRow, Subscription, Tail, TailStep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Rows read at once while loading.
const ROWS: u32 = 10_000;
/// Pause before what was missed is read again.
const READ_AGAIN: Duration = Duration::from_millis(500);

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
                let reading = catch_up_in_the_end(&ledger, &index, reached);
                if stop.run_until_cancelled(reading).await.is_none() {
                    break;
                }
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

/// Reads what the tail did not bring, however long the ledger is away: an index that lags is better than none.
async fn catch_up_in_the_end(ledger: &Ledger, index: &SharedIndex, through: Position) {
    while let Err(problem) = catch_up(ledger, index, through).await {
        warn!("{problem:#}; the routing index lags behind position {through} until it can be");
        tokio::time::sleep(READ_AGAIN).await;
    }
}

async fn catch_up(ledger: &Ledger, index: &SharedIndex, through: Position) -> Result<()> {
    let mut after = index.read().unwrap_or_else(PoisonError::into_inner).read_at();
    while after < through {
        let rows = ledger
            .read_routing(after, through, ROWS)
            .await
            .context("the log cannot be read for the routing index")?;
        let is_whole = rows.len() < ROWS as usize;
        let last = rows.last().filter(|_| !is_whole);
        after = last.map_or(through, |row| row.position);
        follow(index, &rows, after);
    }
    Ok(())
}

fn follow(index: &SharedIndex, rows: &[LogRow], through: Position) {
    let mut index = write(index);
    for row in rows {
        match row.decoded() {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails loudly")]

    use std::time::Duration;

    use schema::events::{RecipientEvent, RecipientKind, RecipientProfile};
    use schema::{Actor, Metadata, StreamId};
    use sqlx::Executor;
    use store::testing::TestLedger;
    use store::{Append, TailConfig, Unit};

    use super::*;

    async fn register(ledger: &Ledger, recipient: &str) -> Position {
        let profile = RecipientProfile {
            kind: RecipientKind::System,
            name: None,
            locale: "en".to_owned(),
            zone: "UTC".parse().unwrap(),
        };
        let tenant = "acme".parse().unwrap();
        let stream = StreamId::recipient(&tenant, &recipient.parse().unwrap());
        let events = vec![RecipientEvent::RecipientRegistered(profile).into()];
        let mut unit = Unit::new(Metadata::new(tenant, Actor::new("cli", "test")));
        unit.appends.push(Append { stream, expected: 0, events });
        ledger.append(unit).await.unwrap().position().unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_missed_while_postgres_was_away_is_read_when_it_is_back() {
        let test = TestLedger::start().await;
        let config = TailConfig { buffer: 1, ..TailConfig::default() };
        let stop = CancellationToken::new();
        let tail = Arc::new(Tail::start(&test.ledger, config, stop.clone()).await.unwrap());
        let (index, subscription) = load(&test.ledger, &tail).await.unwrap();
        let mut end = Position(0);
        for recipient in ["ann", "bob", "eve"] {
            end = register(&test.ledger, recipient).await;
            tail.head().wait_for(|head| *head >= end).await.unwrap();
        }
        let mut root = test.superuser().await;
        let database = &test.database;
        let let_in = |limit: i32| format!("alter database {database} connection limit {limit}");
        root.execute(let_in(0).as_str()).await.unwrap();
        let others = "select pg_terminate_backend(pid) from pg_stat_activity \
            where datname = current_database() and pid <> pg_backend_pid()";
        root.execute(others).await.unwrap();

        let feeding = feed(
            Arc::clone(&test.ledger),
            Arc::clone(&tail),
            Arc::clone(&index),
            subscription,
            stop.clone(),
        );
        let feeding = tokio::spawn(feeding);
        assert!(test.ledger.head().await.is_err(), "the ledger is away");
        root.execute(let_in(-1).as_str()).await.unwrap();

        let reading = async {
            while index.read().unwrap().read_at() < end {
                assert!(!feeding.is_finished(), "the index is fed no more");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
        stop.cancel();
        feeding.await.unwrap().unwrap();
    }
}
