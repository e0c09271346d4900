use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::house::House;
use super::latency::{Latencies, REPORT, measure_named};
use super::meter::Meter;
use super::{Bench, Figure, Verdict};
use crate::sink::FastSink;

/// What is rebuilt: so many webhooks, so many versions, three events each.
const BULK: &str = "bulk";
const WEBHOOKS: usize = 10_000;
const VERSIONS: usize = 40;
/// Events per second alone.
const ALONE: f64 = 200_000.0;
/// Deliveries per second beside it.
const TRAFFIC: u64 = 500;
const PAIRS: usize = 5;
/// Seconds of each half of a pair.
const SECONDS: u64 = 8;
/// How much worse the median pair may be, as a factor or in milliseconds.
const FACTOR: f64 = 1.25;
const MORE_MS: f64 = 2.0;
/// How long the fold may take to begin.
const BEGINS_WITHIN: Duration = Duration::from_secs(20);

const COMMAND: [&str; 4] = ["projections", "rebuild", "deliveries", "--compare-only"];

/// The largest projection rebuilt alone; and what live deliveries notice of it.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let house = House::open(bench, "rebuild", &[]).await?;
    let bulk = FastSink::start(false).await?;
    house.settle(BULK, WEBHOOKS, bulk.url("/ok/{}")).await?;
    let versions = bench.sized(VERSIONS);
    for version in 0..versions {
        house.api.publish(BULK, &format!("v{version}")).await?;
        house.await_done(version as u64 + 1, Instant::now()).await?;
    }
    // As a ledger is that has lain for a while.
    house.server.vacuum().await?;
    house.server.checkpoint().await?;
    let mut figures = vec![alone(&house).await?];
    let sink = FastSink::start(true).await?;
    house.settle(REPORT, 1, sink.url("/ok")).await?;
    measure_named(&house, &sink, 200, 3, "warm").await?;
    figures.extend(beside(bench, &house, &sink).await?);
    house.close()?;
    Ok(figures)
}

async fn alone(house: &House) -> Result<Figure> {
    let meter = Meter::start(&house.server, Some(house.node.pid())).await?;
    let told = house.config.run(&[&COMMAND[..], &["--full-speed"]].concat())?;
    let usage = meter.read().await?;
    let report = &told["reports"][0];
    let (events, seconds) = (number(&report["events"])?, number(&report["seconds"])?);
    let stages = report["stages"].as_array().context("stages")?;
    let mut compared = 0.0;
    let mut lines = Vec::new();
    for stage in stages {
        let took = number(&stage["seconds"])?;
        let name = stage["stage"].as_str().context("stage")?;
        if name == "comparing" {
            compared = took;
        }
        lines.push(format!("{name}: {took:.2} s"));
    }
    let rate = events / (seconds - compared);
    let figure = Figure::new(
        "rebuild of deliveries, alone",
        ">= 200,000 ev/s",
        format!("{rate:.0} ev/s until it could be switched to ({events:.0} events), equal"),
        Verdict::of(rate >= ALONE),
    );
    let beside = format!("with both digests: {:.0} ev/s", events / seconds);
    Ok(figure.beside(beside).on(&usage).detail(lines))
}

/// Interleaved: the half with the rebuild comes first in every second pair. It is killed at the end of its half and
/// goes on in the next.
async fn beside(bench: &Bench, house: &House, sink: &FastSink) -> Result<Vec<Figure>> {
    let seconds = bench.seconds(SECONDS);
    let (mut factors, mut more, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut usage = None;
    for pair in 0..PAIRS {
        let quiet = format!("quiet-{pair}");
        let first = match pair % 2 {
            0 => Some(measure_named(house, sink, TRAFFIC, seconds, &quiet).await?),
            _ => None,
        };
        let (with, applied) = with_rebuild(house, sink, seconds, pair).await?;
        let without = match first {
            Some(first) => first,
            None => measure_named(house, sink, TRAFFIC, seconds, &quiet).await?,
        };
        let (with_ms, without_ms) = (with.from_ack.p99(), without.from_ack.p99());
        factors.push(with_ms / without_ms);
        more.push(with_ms - without_ms);
        lines.push(format!(
            "p99 {with_ms:.2} ms beside a rebuild at {applied:.0} ev/s, {without_ms:.2} ms without; request -> \
             webhook {:.2} and {:.2} ms",
            with.from_request.p99(),
            without.from_request.p99()
        ));
        usage = Some(with.usage);
    }
    let (factor, more) = (median(factors), median(more));
    let figure = Figure::new(
        &format!("acknowledged -> wire at {TRAFFIC}/s beside a throttled rebuild"),
        &format!("median of {PAIRS} pairs: p99 <= {FACTOR} x or +{MORE_MS} ms"),
        format!("{factor:.2} x, {more:+.2} ms"),
        Verdict::of(factor <= FACTOR || more <= MORE_MS),
    );
    let figure = match &usage {
        Some(usage) => figure.on(usage),
        None => figure,
    };
    Ok(vec![figure.detail(lines), rest(house, sink).await?])
}

/// Latencies while a rebuild folds; and how fast it did.
async fn with_rebuild(
    house: &House,
    sink: &FastSink,
    seconds: u64,
    pair: usize,
) -> Result<(Latencies, f64)> {
    // So that it finds traffic from its beginning.
    let name = format!("lead-{pair}");
    let lead = measure_named(house, sink, TRAFFIC, 1, &name);
    let mut running = Killed(house.config.start(&COMMAND)?);
    let (lead, folding) = tokio::join!(lead, folding(house));
    lead?;
    let (before, began) = (folding?, Instant::now());
    let name = format!("beside-{pair}");
    let latencies = measure_named(house, sink, TRAFFIC, seconds, &name).await?;
    let applied = (applied(house).await? - before) as f64 / began.elapsed().as_secs_f64();
    ensure!(running.0.try_wait()?.is_none(), "the rebuild ended before its half did");
    Ok((latencies, applied))
}

/// What is not folded by parts: the rest of the fold, then indexes and digests in one go.
async fn rest(house: &House, sink: &FastSink) -> Result<Figure> {
    let mut running = Killed(house.config.start(&COMMAND)?);
    let began = Instant::now();
    while stage(house).await?.0 == "folding" {
        ensure!(running.0.try_wait()?.is_none(), "the rebuild ended while it folded");
        measure_named(house, sink, TRAFFIC, 1, &format!("fold-{}", began.elapsed().as_millis()))
            .await?;
    }
    let found = measure_named(house, sink, TRAFFIC, SECONDS, "rest").await?;
    let figure = Figure::new(
        "the same while it makes indexes and compares",
        "",
        format!("{} ms; then {}", found.from_ack, stage(house).await?.0),
        Verdict::Told,
    );
    Ok(figure.on(&found.usage))
}

/// Waits until a rebuild folds; how many events it had applied by then.
async fn folding(house: &House) -> Result<i64> {
    let (began, first) = (Instant::now(), applied(house).await?);
    loop {
        let (stage, is_running) = stage(house).await?;
        let now = applied(house).await?;
        if stage == "folding" && is_running && now != first && now > 0 {
            return Ok(now);
        }
        ensure!(began.elapsed() < BEGINS_WITHIN, "the rebuild is {stage}, not folding");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn stage(house: &House) -> Result<(String, bool)> {
    let sql = "select stage, heartbeat_at > clock_timestamp() - interval '1 second' from rebuilds \
         where projection = 'deliveries'";
    Ok(sqlx::query_as(sql).fetch_one(house.pool()).await?)
}

async fn applied(house: &House) -> Result<i64> {
    let sql = "select applied from rebuilds where projection = 'deliveries'";
    Ok(sqlx::query_scalar(sql).fetch_one(house.pool()).await?)
}

/// A process that ends with the measurement, as by kill -9.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}
