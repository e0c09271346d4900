use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::PgPool;
use uuid::Uuid;

use super::append::delivery;
use super::house::House;
use super::server::Server;
use crate::sink::FastSink;
use crate::soak::Scene;

/// Batches under way at once, and requests of each: as many sends as the product has permits for one destination.
const PIPELINES: usize = 4;
const SENDS: usize = 64;

/// What the product wrote for one delivery: the loop writes the same bytes under other ids.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Payload and metadata, in order: scheduled, started, ended.
    events: [(String, String); 3],
    /// A webhook's body.
    body: Vec<u8>,
}

/// What the loop came to.
pub(super) struct BareRate {
    pub per_s: f64,
    pub wal_bytes: f64,
}

impl Template {
    /// Copies a delivery that took one attempt.
    pub async fn take(house: &House, sink: &FastSink) -> Result<Self> {
        let sql = "select payload::text, metadata::text from events where aggregate_type = 'delivery' \
             and aggregate_id = (select aggregate_id from events where aggregate_type = 'delivery' \
                 and event_type = 'AttemptEnded' and sequence = 3 order by position desc limit 1) \
             order by sequence";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(house.pool()).await?;
        let events = rows.try_into().map_err(|_| anyhow::anyhow!("not three events"))?;
        Ok(Self { events, body: sink.sample().context("no webhook came")? })
    }

    /// Bytes of the three payloads and their metadata.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|(payload, metadata)| payload.len() + metadata.len()).sum()
    }
}

/// Plans, sends and records `batches` of `size` deliveries with no rules at all: two statements a batch and one
/// request each.
pub(super) async fn run(
    scene: &Scene,
    template: &Template,
    batches: usize,
    size: usize,
    sink: &FastSink,
) -> Result<BareRate> {
    let database = scene.database("bench_bare").await?;
    let server = Server::connect(&database).await?;
    let line = Arc::new(Line {
        template: template.clone(),
        pool: database.owner_pool(u32::try_from(PIPELINES)?).await?,
        http: reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?,
        url: sink.url("/bare"),
        next: AtomicU64::new(0),
        batches: batches as u64,
        size,
    });
    line.batch().await?; // connections are made, plans are cached
    server.checkpoint().await?;
    let wal_before = server.wal_bytes().await?;
    let began = Instant::now();
    let pipeline = |_| {
        let line = Arc::clone(&line);
        tokio::spawn(async move {
            while line.next.fetch_add(1, Ordering::Relaxed) < line.batches {
                line.batch().await?;
            }
            anyhow::Ok(())
        })
    };
    for pipeline in try_join_all((0..PIPELINES).map(pipeline)).await? {
        pipeline?;
    }
    let deliveries = (batches * size) as f64;
    let per_s = deliveries / began.elapsed().as_secs_f64();
    let wal_bytes = (server.wal_bytes().await? - wal_before) as f64 / deliveries;
    line.pool.close().await;
    Ok(BareRate { per_s, wal_bytes })
}

struct Line {
    template: Template,
    pool: PgPool,
    http: reqwest::Client,
    url: String,
    next: AtomicU64,
    batches: u64,
    size: usize,
}

impl Line {
    async fn batch(&self) -> Result<()> {
        let ids: Vec<Uuid> = (0..self.size).map(|_| delivery().as_uuid()).collect();
        let [scheduled, started, ended] = &self.template.events;
        let names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        sqlx::query(PLAN)
            .bind(&names)
            .bind(&scheduled.0)
            .bind(&scheduled.1)
            .bind(&started.0)
            .bind(&started.1)
            .bind(&ids)
            .fetch_all(&self.pool)
            .await?;
        stream::iter(ids.clone())
            .map(|id| self.send(id))
            .buffer_unordered(SENDS)
            .try_collect::<Vec<()>>()
            .await?;
        sqlx::query(RECORD)
            .bind(&names)
            .bind(&ended.0)
            .bind(&ended.1)
            .bind(&ids)
            .fetch_all(&self.pool)
            .await?;
        Ok(())
    }

    async fn send(&self, id: Uuid) -> Result<()> {
        let request = self.http.post(&self.url).header("webhook-id", id.simple().to_string());
        let request = request.header("content-type", "application/json");
        let answer = request.body(self.template.body.clone()).send().await?;
        answer.error_for_status()?.bytes().await?;
        Ok(())
    }
}

/// Scheduled and started, with a queue row that holds the state.
const PLAN: &str = "with written as ( \
         insert into events \
             (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         select 'delivery', i, s, e, '1', p::json, m::json from unnest($1::text[]) i, \
             (values (1, 'DeliveryScheduled', $2, $3), (2, 'AttemptStarted', $4, $5)) as e (s, e, p, m) \
         returning position, recorded_at \
     ), put as ( \
         insert into delivery_queue \
             (delivery, tenant, distribution, channel, destination, lane, sequence, state, due_at) \
         select d, 'bench', d, 'webhook', 'sink', 0, 2, $2, clock_timestamp() + interval '30 seconds' \
         from unnest($6::uuid[]) d \
     ) select position, recorded_at from written";

/// Ended, and nothing left to do.
const RECORD: &str = "with written as ( \
         insert into events \
             (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
         select 'delivery', i, 3, 'AttemptEnded', '1', $2::text::json, $3::text::json \
         from unnest($1::text[]) i \
         returning position, recorded_at \
     ), removed as ( \
         delete from delivery_queue where delivery = any($4::uuid[]) \
     ) select position, recorded_at from written";
