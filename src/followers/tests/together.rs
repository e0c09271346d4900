//! A follower that cannot take two events at once: each goes through alone, and none is left out.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use followers::{Follower, FollowerError, Runner};
use schema::{AggregateType, Position, RecordedEvent};
use sqlx::{Executor, PgConnection};
use store::{Tail, TailConfig};
use tokio_util::sync::CancellationToken;

use crate::support::{House, quick, register};

struct Alone(Arc<Mutex<Vec<Position>>>);

#[async_trait]
impl Follower for Alone {
    fn name(&self) -> &str {
        "alone"
    }

    fn follows(&self) -> &[AggregateType] {
        &[AggregateType::Recipient]
    }

    fn schema(&self) -> &'static str {
        "public"
    }

    fn forget(&mut self) {}

    async fn apply(
        &mut self,
        _: &mut PgConnection,
        events: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        let [event] = events else { return Err(FollowerError::refused("two at once")) };
        self.0.lock().unwrap().push(event.position);
        Ok(())
    }
}

#[tokio::test]
async fn what_follows_a_chunk_that_must_be_taken_apart_is_not_lost() {
    let house = House::start().await;
    let stop = CancellationToken::new();
    let tail = Tail::start(house.ledger(), TailConfig::default(), stop.clone()).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let follower = Box::new(Alone(Arc::clone(&seen)));
    // Three chunks in one portion.
    let config = followers::FollowerConfig { batch_events: 2, ..quick() };
    let runner = Runner::new(house.ledger(), &Arc::new(tail), follower, config, "n1");
    let running = tokio::spawn(runner.run(stop.clone()));
    house.until("alone", |status| status.is_running).await;

    // One transaction, so that the tail hands on all of it at once; its last event nobody can read.
    let mut app = house.test.app().await;
    app.execute("begin").await.unwrap();
    for n in 1..=6 {
        insert(&mut app, n, "RecipientRegistered").await;
    }
    insert(&mut app, 7, "RecipientTeleported").await;
    app.execute("commit").await.unwrap();

    let status = house.until("alone", |status| status.poison.is_some()).await;
    let poison = status.poison.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 6);
    assert_eq!((status.position, poison.position), (Position(6), Position(7)));
    stop.cancel();
    running.await.unwrap();
}

async fn insert(app: &mut PgConnection, n: i32, event_type: &str) {
    let (_, _, events) = register("r");
    let payload = events[0].encode().unwrap();
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         values ('recipient', 'acme/r' || $1, 1, $2, '1', $3::json, '{\"actor\":\"key:k1\",\"tenant\":\"acme\"}')",
    )
    .bind(n.to_string())
    .bind(event_type)
    .bind(payload)
    .execute(app)
    .await
    .unwrap();
}
