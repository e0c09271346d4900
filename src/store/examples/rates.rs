//! How fast the ledger appends on this machine: `cargo run --release -p waybill-store --example rates [seconds
//! [writers]]`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement: prints, or fails aloud"
)]

extern crate waybill_store as store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use schema::events::DeliveryEvent;
use schema::{Actor, DeliveryId, Metadata, StreamId, TenantId};
use store::testing::TestLedger;
use store::{Append, Ledger, Tail, TailConfig, TailStep, Unit};
use tokio_util::sync::CancellationToken;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Ids as in production: the version's time in front, then as good as random.
fn delivery() -> DeliveryId {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c) & ((1 << 80) - 1);
    DeliveryId::from_uuid(uuid::Uuid::from_u128((0x0199_0000_0000_u128 << 80) | spread))
}

fn append() -> Append {
    let event =
        DeliveryEvent::AttemptStarted { attempt: 1, node: "node-1".into(), address_revision: 1 };
    Append { stream: StreamId::delivery(delivery()), expected: 0, events: vec![event.into()] }
}

fn unit(events: usize) -> Unit {
    let metadata = Metadata {
        command: Some("01990000-0000-7000-8000-000000000000".into()),
        ..Metadata::new(TenantId::try_new("acme").unwrap(), Actor::new("node", "node-1"))
    };
    Unit { appends: (0..events).map(|_| append()).collect(), ..Unit::new(metadata) }
}

async fn rate(ledger: &Arc<Ledger>, in_flight: usize, events: usize, seconds: u64) -> f64 {
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let ledger = Arc::clone(ledger);
        clients.spawn(async move {
            let mut done = 0;
            while Instant::now() < until {
                done += ledger.append(unit(events)).await.unwrap().events.len();
            }
            done
        });
    }
    let done: usize = clients.join_all().await.into_iter().sum();
    done as f64 / began.elapsed().as_secs_f64()
}

/// The same rows by a bare loop of one statement, one connection each.
async fn bare(test: &TestLedger, connections: usize, events: usize, seconds: u64) -> f64 {
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let mut connection = test.app().await;
        loops.spawn(async move {
            let mut done = 0;
            let payload = r#"{"attempt":1,"node":"node-1","address_revision":1}"#;
            let command = "01990000-0000-7000-8000-000000000000";
            let metadata =
                format!(r#"{{"actor":"node:node-1","command":"{command}","tenant":"acme"}}"#);
            while Instant::now() < until {
                let ids: Vec<String> = (0..events).map(|_| delivery().to_string()).collect();
                sqlx::query(
                    "insert into events \
                     (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
                     select 'delivery', i, 1, 'AttemptStarted', '1', p::json, m::json \
                     from unnest($1::text[], $2::text[], $3::text[]) as u (i, p, m) returning position",
                )
                .bind(&ids)
                .bind(vec![payload; events])
                .bind(vec![metadata.as_str(); events])
                .fetch_all(&mut connection)
                .await
                .unwrap();
                done += events;
            }
            done
        });
    }
    let done: usize = loops.join_all().await.into_iter().sum();
    done as f64 / began.elapsed().as_secs_f64()
}

/// From an event's own time (before its commit) until the tail hands it on, at a given rate; in milliseconds, p50 and
/// p99.
async fn tail_delay(test: &TestLedger, per_second: u64, seconds: u64) -> (f64, f64, f64) {
    const CLIENTS: u64 = 256;
    let stop = CancellationToken::new();
    let tail = Tail::start(&test.ledger, TailConfig::default(), stop.clone()).await.unwrap();
    let mut places = tail.subscribe();
    let watcher = tokio::spawn(async move {
        let mut delays: Vec<i64> = vec![];
        while let TailStep::Batch(batch) = places.next().await {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64;
            delays.extend(batch.rows.iter().map(|row| now - row.recorded_at.unix_micros()));
        }
        delays.sort_unstable();
        delays
    });
    let began = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let ledger = Arc::clone(&test.ledger);
        clients.spawn(async move {
            let mut tick =
                tokio::time::interval(Duration::from_micros(CLIENTS * 1_000_000 / per_second));
            tokio::time::sleep(Duration::from_micros(client * 1_000_000 / per_second)).await;
            while began.elapsed().as_secs() < seconds {
                tick.tick().await;
                ledger.append(unit(1)).await.unwrap();
            }
        });
    }
    clients.join_all().await;
    let elapsed = began.elapsed().as_secs_f64();
    stop.cancel();
    tail.stopped().await;
    let delays = watcher.await.unwrap();
    let at = |share: f64| delays[(delays.len() as f64 * share) as usize] as f64 / 1_000.0;
    (delays.len() as f64 / elapsed, at(0.5), at(0.99))
}

#[tokio::main]
async fn main() {
    let number = |at| std::env::args().nth(at).and_then(|text| text.parse::<u32>().ok());
    let seconds = u64::from(number(1).unwrap_or(5));
    let writers = number(2).map_or(1..=4, |only| only..=only);
    for connections in writers {
        let test = TestLedger::start_with(|config| config.connections = connections).await;
        let mut line = format!("{connections} writers:");
        let mut last = 0;
        for (in_flight, events) in [(1, 1), (32, 1), (256, 1), (16, 100)] {
            let rate = rate(&test.ledger, in_flight, events, seconds).await;
            let sql = "select count(*)::float8 / count(distinct xmin::text) from events where position > $1";
            let query = sqlx::query_scalar(sql).bind(last);
            let batch: f64 = query.fetch_one(test.ledger.pool()).await.unwrap();
            last = test.ledger.head().await.unwrap().0;
            line += &format!("  {in_flight}x{events} {rate:.0} ev/s ({batch:.0} a batch)");
        }
        println!("{line}");
    }
    let test = TestLedger::start().await;
    let mut line = "bare statements:".to_owned();
    for (connections, events) in [(1, 1), (32, 1), (1, 100), (2, 100), (4, 100)] {
        let rate = bare(&test, connections, events, seconds).await;
        line += &format!("  {connections}x{events} {rate:.0} ev/s");
    }
    println!("{line}");
    let (rate, p50, p99) = tail_delay(&test, 20_000, seconds).await;
    println!("tail at {rate:.0} ev/s: p50 {p50:.1} ms, p99 {p99:.1} ms");
}
