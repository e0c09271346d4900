use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::Result;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent};
use futures::future::try_join_all;
use postgres_es::PostgresEventRepository;
use schema::events::DeliveryEvent;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::sync::Arc;

use super::append::{attempt_started, delivery, metadata};
use crate::soak::Scene;

/// Where stock postgres-es keeps its events.
const DATABASE: &str = "bench_stock";
/// Its own schema, as its `init.sql` has it, under another name than the ledger's.
const TABLE: &str = "create table stock_events (aggregate_type text not null, aggregate_id text not null, \
     sequence bigint check (sequence >= 0) not null, event_type text not null, event_version text not null, \
     payload json not null, metadata json not null, primary key (aggregate_type, aggregate_id, sequence))";

/// The least aggregate that postgres-es can be called with.
#[derive(Default, Serialize, Deserialize)]
struct Delivery;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Event(DeliveryEvent);

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "AttemptStarted".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Delivery {
    const TYPE: &'static str = "delivery";
    type Command = ();
    type Event = Event;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Infallible> {
        Ok(())
    }

    fn apply(&mut self, _: Event) {}
}

/// A database with nothing but its table.
pub(super) async fn set_up(scene: &Scene, connections: u32) -> Result<PgPool> {
    let database = scene.database(DATABASE).await?;
    let pool = database.owner_pool(connections).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    Ok(pool)
}

/// Events a second with so many callers, each persisting one event at a time.
pub(super) async fn rate(pool: &PgPool, callers: usize, round: Duration) -> Result<f64> {
    let repository = PostgresEventRepository::new(pool.clone()).with_tables("stock_events", "none");
    let repository = Arc::new(repository);
    let payload = serde_json::to_value(attempt_started())?;
    let metadata = serde_json::to_value(metadata()?)?;
    let began = Instant::now();
    let caller = |_| {
        let (repository, payload) = (Arc::clone(&repository), payload.clone());
        let metadata = metadata.clone();
        tokio::spawn(async move {
            let mut done = 0_u64;
            while began.elapsed() < round {
                let event = SerializedEvent::new(
                    delivery().to_string(),
                    1,
                    Delivery::TYPE.to_owned(),
                    "AttemptStarted".to_owned(),
                    "1".to_owned(),
                    payload.clone(),
                    metadata.clone(),
                );
                repository.persist::<Delivery>(&[event], None).await?;
                done += 1;
            }
            anyhow::Ok(done)
        })
    };
    let mut done = 0;
    for caller in try_join_all((0..callers).map(caller)).await? {
        done += caller?;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}
