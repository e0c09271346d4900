use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::house::House;
use super::meter::{Meter, Usage};
use super::spread::{Spread, open_loop};
use super::{Bench, Figure, Verdict};
use crate::sink::FastSink;
use crate::soak::Api;

/// The rates, with the slowest p99 allowed from acknowledgement to wire, in milliseconds.
const RATES: [(u64, f64); 3] = [(50, 2.0), (500, 2.0), (2_000, 25.0)];
/// The rate at which the way from request to webhook is measured.
const REQUEST_RATE: u64 = 50;
/// An fsync within this is a quiet disk, in milliseconds.
const QUIET_FSYNC_MS: f64 = 0.5;
pub(super) const REPORT: &str = "latency";

/// A version, when its request was sent, when it was acknowledged.
type Sent = (String, Instant, Instant);

async fn publish(api: Api, version: String) -> Result<Sent> {
    let sent = Instant::now();
    api.publish(REPORT, &version).await?;
    Ok((version, sent, Instant::now()))
}

/// One rate's latencies.
pub(super) struct Latencies {
    /// From acknowledgement to arrival; zero when the webhook came first.
    pub from_ack: Spread,
    pub from_request: Spread,
    pub to_ack: Spread,
    pub usage: Usage,
}

/// Reports of one delivery each, at acknowledgement and on the wire; and from request to webhook.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let house = House::open(bench, "latency", &[]).await?;
    let sink = FastSink::start(true).await?;
    house.settle(REPORT, 1, sink.url("/ok")).await?;
    measure(&house, &sink, 200, 3).await?; // warms connections, plans, caches
    let mut figures = Vec::new();
    for (rate, allowed_ms) in RATES {
        let seconds = bench.seconds(if rate < 100 { 30 } else { 15 });
        let found = measure(&house, &sink, rate, seconds).await?;
        figures.push(from_ack(rate, allowed_ms, &found));
        if rate == REQUEST_RATE {
            figures.push(from_request(&found));
        }
    }
    house.close()?;
    Ok(figures)
}

fn from_ack(rate: u64, allowed_ms: f64, found: &Latencies) -> Figure {
    let p99 = found.from_ack.p99();
    let figure = Figure::new(
        &format!("acknowledged -> webhook on the wire, {rate} reports/s"),
        &format!("p99 <= {allowed_ms} ms"),
        format!("{} ms ({} reports)", found.from_ack, found.from_ack.len()),
        Verdict::of(p99 <= allowed_ms),
    );
    let beside = format!("request -> acknowledged: {} ms", found.to_ack);
    figure.beside(beside).on(&found.usage).detail([found.usage.each(found.from_ack.len())])
}

fn from_request(found: &Latencies) -> Figure {
    let (p50, p99) = (found.from_request.p50(), found.from_request.p99());
    let fsync = &found.usage.fsync;
    let quiet = fsync.p50() <= QUIET_FSYNC_MS;
    let (kept, target) = if quiet {
        (p50 <= 3.0 && p99 <= 7.0, "p50 <= 3 ms, p99 <= 7 ms".to_owned())
    } else {
        let (half, most) = (3.0 * fsync.p50() + 2.0, 3.0 * fsync.p99() + 2.0);
        let text =
            format!("3 fsyncs + 2 ms: p50 <= {half:.1}, p99 <= {most:.1} ms (fsync is slow)");
        (p50 <= half && p99 <= most, text)
    };
    let figure = Figure::new(
        &format!("request sent -> webhook received, {REQUEST_RATE} reports/s"),
        &target,
        format!("{} ms", found.from_request),
        Verdict::of(kept),
    );
    figure.beside(format!("fsync beside it: {fsync} ms")).on(&found.usage)
}

async fn measure(house: &House, sink: &FastSink, rate: u64, seconds: u64) -> Result<Latencies> {
    measure_named(house, sink, rate, seconds, &format!("at-{rate}-for-{seconds}")).await
}

/// Publishes versions of this name at a rate, each with one delivery, and takes the times of each.
pub(super) async fn measure_named(
    house: &House,
    sink: &FastSink,
    rate: u64,
    seconds: u64,
    name: &str,
) -> Result<Latencies> {
    let meter = Meter::start(&house.server, Some(house.node.pid())).await?;
    let version = |n| format!("{name}-{n}");
    let sent = open_loop(rate, seconds, |n| publish(house.api.clone(), version(n))).await;
    let sent: Vec<Sent> = sent.into_iter().collect::<Result<_>>()?;
    let arrivals = await_all(sink, &sent).await?;
    let usage = meter.read().await?;
    let (mut from_ack, mut from_request, mut to_ack) = (vec![], vec![], vec![]);
    for (version, requested, acknowledged) in &sent {
        let arrived = arrivals.get(version).context("a webhook that did not arrive")?;
        from_ack.push(arrived.saturating_duration_since(*acknowledged));
        from_request.push(arrived.saturating_duration_since(*requested));
        to_ack.push(acknowledged.duration_since(*requested));
    }
    Ok(Latencies {
        from_ack: Spread::of(from_ack),
        from_request: Spread::of(from_request),
        to_ack: Spread::of(to_ack),
        usage,
    })
}

async fn await_all(sink: &FastSink, sent: &[Sent]) -> Result<HashMap<String, Instant>> {
    let began = Instant::now();
    loop {
        let arrivals = sink.versions();
        let missing = sent.iter().filter(|(version, ..)| !arrivals.contains_key(version)).count();
        if missing == 0 {
            return Ok(arrivals);
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "{missing} webhooks did not arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
