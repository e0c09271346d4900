use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use schema::events::DeliveryEvent;
use schema::{Actor, DeliveryId, Metadata, StreamId, TenantId};
use sqlx::PgPool;
use store::{Append, Ledger, Unit};
use uuid::Uuid;

use super::meter::Meter;
use super::server::Server;
use super::spread::median;
use super::{Bench, Figure, Verdict, stock};

/// What stock postgres-es is given.
const STOCK_CONNECTIONS: u32 = 32;
/// Rounds of which the middle one counts; ours and theirs take turns.
const ROUNDS: usize = 5;
/// Callers that wait for units of a hundred events.
const UNIT_CALLERS: usize = 16;
const UNIT_EVENTS: usize = 100;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// As in production: the version's time in front, then as good as random.
pub(super) fn delivery() -> DeliveryId {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c) & ((1 << 80) - 1);
    DeliveryId::from_uuid(Uuid::from_u128((0x0199_0000_0000_u128 << 80) | spread))
}

/// The event of which all rounds are made.
pub(super) fn attempt_started() -> DeliveryEvent {
    DeliveryEvent::AttemptStarted { attempt: 1, node: "node-1".into(), address_revision: 1 }
}

/// Metadata as a node writes them.
pub(super) fn metadata() -> Result<Metadata> {
    let command = Some("01990000-0000-7000-8000-000000000000".to_owned());
    let tenant = TenantId::try_new("bench")?;
    Ok(Metadata { command, ..Metadata::new(tenant, Actor::new("node", "node-1")) })
}

fn unit(metadata: &Metadata, events: usize) -> Unit {
    let append = |_| Append {
        stream: StreamId::delivery(delivery()),
        expected: 0,
        events: vec![attempt_started().into()],
    };
    Unit { appends: (0..events).map(append).collect(), ..Unit::new(metadata.clone()) }
}

/// Events a second with so many callers, each waiting for its unit.
async fn ours(ledger: &Arc<Ledger>, callers: usize, events: usize, round: Duration) -> Result<f64> {
    let metadata = metadata()?;
    let began = Instant::now();
    let caller = |_| {
        let (ledger, metadata) = (Arc::clone(ledger), metadata.clone());
        tokio::spawn(async move {
            let mut done = 0;
            while began.elapsed() < round {
                done += ledger.append(unit(&metadata, events)).await?.events.len();
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

/// Single-event commands, beside stock postgres-es on the same server within the same minute.
pub(super) async fn single_events(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.scene.database("bench_append").await?;
    let stock_pool = stock::set_up(&bench.scene, STOCK_CONNECTIONS).await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let round = Duration::from_millis(bench.seconds(4) * 1000);
    let (mut many, mut few, mut theirs, mut theirs_many) = (vec![], vec![], vec![], vec![]);
    let meter = Meter::start(&server, None).await?;
    for _ in 0..ROUNDS {
        many.push(ours(&ledger, 256, 1, round).await?);
        theirs.push(stock::rate(&stock_pool, STOCK_CONNECTIONS as usize, round).await?);
        few.push(ours(&ledger, 32, 1, round).await?);
        theirs_many.push(stock::rate(&stock_pool, 256, round / 2).await?);
    }
    let usage = meter.read().await?;
    ledger.close().await;
    let ratios = |mine: &[f64]| mine.iter().zip(&theirs).map(|(a, b)| a / b).collect::<Vec<_>>();
    let (ratio_many, ratio_few) = (median(ratios(&many)), median(ratios(&few)));
    let (many, few, theirs) = (median(many), median(few), median(theirs));
    let beside = format!(
        "stock postgres-es, {STOCK_CONNECTIONS} connections: {theirs:.0} ev/s (256 callers: {:.0})",
        median(theirs_many)
    );
    let first = Figure::new(
        "append, single-event commands, 256 in flight",
        ">= 25,000 ev/s and >= 2.5 x stock",
        format!("{many:.0} ev/s, {ratio_many:.2} x"),
        Verdict::of(many >= 25_000.0 && ratio_many >= 2.5),
    );
    let second = Figure::new(
        "append, single-event commands, 32 in flight",
        ">= 1 x stock",
        format!("{few:.0} ev/s, {ratio_few:.2} x"),
        Verdict::of(ratio_few >= 1.0),
    );
    Ok(vec![first.beside(beside.clone()).on(&usage), second.beside(beside).on(&usage)])
}

/// The same rows into the same table shape by bare statements.
async fn bare(pool: &PgPool, connections: usize, round: Duration) -> Result<f64> {
    let payload = serde_json::to_string(&serde_json::json!({
        "attempt": 1, "node": "node-1", "address_revision": 1
    }))?;
    let metadata = serde_json::to_string(&metadata()?)?;
    let began = Instant::now();
    let writer = |_| {
        let (pool, payload, metadata) = (pool.clone(), payload.clone(), metadata.clone());
        tokio::spawn(async move {
            let mut connection = pool.acquire().await?;
            let mut done = 0;
            while began.elapsed() < round {
                let ids: Vec<String> = (0..UNIT_EVENTS).map(|_| delivery().to_string()).collect();
                sqlx::query(BARE)
                    .bind(&ids)
                    .bind(vec![payload.as_str(); UNIT_EVENTS])
                    .bind(vec![metadata.as_str(); UNIT_EVENTS])
                    .fetch_all(&mut *connection)
                    .await?;
                done += UNIT_EVENTS;
            }
            anyhow::Ok(done)
        })
    };
    let mut done = 0;
    for writer in try_join_all((0..connections).map(writer)).await? {
        done += writer?;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

const BARE: &str = "insert into events \
         (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
     select 'delivery', i, 1, 'AttemptStarted', '1', p::json, m::json \
     from unnest($1::text[], $2::text[], $3::text[]) as u (i, p, m) returning position, recorded_at";

/// Units of a hundred events, beside a bare loop of multi-row inserts.
pub(super) async fn units(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.scene.database("bench_units").await?;
    let other = bench.scene.database("bench_units_bare").await?.app_pool(4).await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let round = Duration::from_millis(bench.seconds(4) * 1000);
    let (mut mine, mut two, mut four) = (vec![], vec![], vec![]);
    let meter = Meter::start(&server, None).await?;
    for _ in 0..ROUNDS {
        mine.push(ours(&ledger, UNIT_CALLERS, UNIT_EVENTS, round).await?);
        two.push(bare(&other, 2, round).await?);
        four.push(bare(&other, 4, round).await?);
    }
    let usage = meter.read().await?;
    ledger.close().await;
    let (mine, two, four) = (median(mine), median(two), median(four));
    let ratio = mine / two.max(four);
    let figure = Figure::new(
        "append, units of 100 events, 16 in flight",
        ">= 0.8 x bare UNNEST",
        format!("{mine:.0} ev/s, {ratio:.2} x"),
        Verdict::of(ratio >= 0.8),
    );
    let beside = format!("bare UNNEST of 100 rows: 2 connections {two:.0}, 4: {four:.0} ev/s");
    Ok(vec![figure.beside(beside).on(&usage)])
}
