use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};

use super::bare::{self, BareRate, Template};
use super::house::{House, Reached};
use super::meter::{Meter, Usage};
use super::profile::Profile;
use super::server::Statement;
use super::{Bench, Figure, Verdict};
use crate::sink::FastSink;

/// Recipients of each of many versions.
const WEBHOOKS: usize = 100;
const VERSIONS: usize = 200;
/// Recipients of the one large version.
const LARGE: usize = 100_000;
/// Publishers that each wait for their answer.
const PUBLISHERS: usize = 4;
/// Versions that go before, so that connections stand and plans are cached.
const WARM: usize = 10;
const REPORT: &str = "fanout";

/// A distribution of some size, sent, recorded and read by all followers.
struct Run {
    deliveries: usize,
    reached: Reached,
    /// When the sink had the last of them.
    sent: Duration,
    lag: String,
    usage: Usage,
    wal_bytes: f64,
    full_pages: i64,
    events: f64,
    statements: Vec<Statement>,
    hot: Vec<String>,
}

impl Run {
    fn per_s(&self) -> f64 {
        self.deliveries as f64 / self.reached.last().as_secs_f64()
    }

    fn detail(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "sent after {:.2} s, reconciled after {:.2} s; followers at the head after, s: {}; {}",
                self.sent.as_secs_f64(),
                self.reached.reconciled.as_secs_f64(),
                self.reached.names(),
                self.lag
            ),
            self.usage.each(self.deliveries),
        ];
        lines.extend(self.statements.iter().take(8).map(|statement| self.describe(statement)));
        lines.extend(self.hot.iter().cloned());
        lines
    }

    fn describe(&self, statement: &Statement) -> String {
        let text: String = statement.query.chars().take(110).collect();
        format!(
            "{:6.2} µs each in {} calls, {} rows: {text}",
            statement.took_ms * 1000.0 / self.deliveries as f64,
            statement.calls,
            statement.rows
        )
    }

    /// Calls of statements whose text has one of `words`.
    fn calls(&self, words: &[&str]) -> i64 {
        let has = |statement: &&Statement| words.iter().any(|word| statement.query.contains(word));
        self.statements.iter().filter(has).map(|statement| statement.calls).sum()
    }
}

/// Sends `versions` and waits until all is read.
async fn send(
    bench: &Bench,
    house: &House,
    sink: &FastSink,
    from: usize,
    versions: usize,
    each: usize,
) -> Result<Run> {
    house.forget().await?;
    let (before, head) = (sink.count(), house.head().await?);
    let (wal, full_pages) = (house.server.wal_bytes().await?, house.server.full_pages().await?);
    let meter = Meter::start(&house.server, Some(house.node.pid())).await?;
    let profile = Profile::start(bench, &house.node, REPORT)?;
    let lag = house.watch_lag();
    let (deliveries, began) = (versions * each, Instant::now());
    stream::iter(from..from + versions)
        .map(|version| async move { house.api.publish(REPORT, &format!("v{version}")).await })
        .buffer_unordered(PUBLISHERS)
        .try_collect::<Vec<String>>()
        .await?;
    while ((sink.count() - before) as usize) < deliveries {
        ensure!(began.elapsed() < Duration::from_secs(600), "{} webhooks came", sink.count());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let sent = began.elapsed();
    let reached = house.await_done((from + versions) as u64, began).await?;
    let (lag, usage) = (lag.read().await?, meter.read().await?);
    let per = |total: i64| total as f64 / deliveries as f64;
    Ok(Run {
        hot: profile.read()?,
        wal_bytes: per(house.server.wal_bytes().await? - wal),
        full_pages: house.server.full_pages().await? - full_pages,
        events: per(house.head().await? - head),
        statements: house.server.statements().await?,
        deliveries,
        reached,
        sent,
        lag,
        usage,
    })
}

/// 100 webhooks × 200 versions, beside a bare loop; and what each delivery costs Postgres.
pub(super) async fn many_versions(bench: &Bench) -> Result<Vec<Figure>> {
    let house = House::open(bench, "fanout", &[]).await?;
    let sink = FastSink::start(false).await?;
    house.settle(REPORT, WEBHOOKS, sink.url("/ok/{}")).await?;
    send(bench, &house, &sink, 0, WARM, WEBHOOKS).await?;
    let versions = bench.sized(VERSIONS);
    let run = send(bench, &house, &sink, WARM, versions, WEBHOOKS).await?;
    let expected = (versions + WARM) * WEBHOOKS;
    ensure!(house.succeeded().await?.unsigned_abs() as usize == expected, "not all succeeded");
    let template = Template::take(&house, &sink).await?;
    house.close()?;
    let bare = bare::run(&bench.scene, &template, versions, WEBHOOKS, &sink).await?;
    let name = format!("fan-out, {WEBHOOKS} webhooks x {versions} versions, sink at 0 ms");
    Ok(vec![rate(&name, &run, &bare, &template), share(&run)])
}

/// One version to 100,000 webhooks, beside a bare loop; and the node's memory meanwhile.
pub(super) async fn one_large_version(bench: &Bench) -> Result<Vec<Figure>> {
    let house = House::open(bench, "large", &[]).await?;
    let sink = FastSink::start(false).await?;
    let size = bench.sized(LARGE);
    house.settle(REPORT, size, sink.url("/ok/{}")).await?;
    let settled_mb = house.peak_mb()?;
    // The high-water mark begins anew (proc(5), clear_refs).
    fs::write(format!("/proc/{}/clear_refs", house.node.pid()), "5")?;
    let run = send(bench, &house, &sink, 0, 1, size).await?;
    let peak_mb = house.peak_mb()?;
    ensure!(house.succeeded().await?.unsigned_abs() as usize == size, "not all succeeded");
    let template = Template::take(&house, &sink).await?;
    house.close()?;
    let bare = bare::run(&bench.scene, &template, size / 500, 500, &sink).await?;
    let memory = Figure::new(
        &format!("resident memory during a {size}-delivery distribution"),
        "<= 300 MB",
        format!("{peak_mb:.0} MB (VmHWM)"),
        Verdict::of(peak_mb <= 300.0),
    );
    let name = format!("fan-out, one version x {size} webhooks, sink at 0 ms");
    let memory = memory.beside(format!("while {size} recipients were set up: {settled_mb:.0} MB"));
    Ok(vec![rate(&name, &run, &bare, &template), memory.on(&run.usage)])
}

fn rate(name: &str, run: &Run, bare: &BareRate, template: &Template) -> Figure {
    let (per_s, ratio) = (run.per_s(), run.per_s() / bare.per_s);
    let figure = Figure::new(
        name,
        ">= 10,000/s until followers are at the head, >= 0.5 x bare loop",
        format!("{per_s:.0} deliveries/s, {ratio:.2} x; {}", run.lag),
        Verdict::of(per_s >= 10_000.0 && ratio >= 0.5),
    );
    let beside = format!(
        "bare loop, same SQL, HTTP and {} bytes: {:.0}/s, {:.1} KB WAL each",
        template.bytes(),
        bare.per_s,
        bare.wal_bytes / 1024.0
    );
    figure.beside(beside).on(&run.usage).detail(run.detail())
}

/// Statements by which the write side takes work, starts and ends it; followers' and the tail's own are theirs.
const WRITES: [&str; 1] = ["insert into events"];
const CLAIMS: [&str; 2] = ["update delivery_queue", "for update skip locked"];
const LOADS: [&str; 1] = ["where aggregate_type = $1 and aggregate_id"];
/// Looks into the vault.
const KEYS: [&str; 2] = ["from secrets", "from subject_keys"];

fn share(run: &Run) -> Figure {
    let count = run.deliveries as f64;
    let cpu_us = run.usage.postgres_s() * 1e6 / count;
    let took_us = run.statements.iter().map(|one| one.took_ms).sum::<f64>() * 1000.0 / count;
    let wal_kb = run.wal_bytes / 1024.0;
    let (writes, claims, loads) = (run.calls(&WRITES), run.calls(&CLAIMS), run.calls(&LOADS));
    let per_batch = (writes + claims) as f64 / writes.max(1) as f64;
    let load_share = loads as f64 / count;
    let kept = cpu_us <= 45.0
        && wal_kb <= 3.6
        && run.events <= 3.1
        && per_batch <= 3.0
        && load_share < 0.01;
    let measured = format!(
        "{cpu_us:.0} µs CPU, {wal_kb:.2} KB WAL, {:.2} events, {per_batch:.1} statements a batch, \
         {load_share:.3} loads",
        run.events
    );
    let target = "<= 45 µs CPU, <= 3.6 KB WAL, 3 events, <= 3 statements a batch, 0 loads";
    let beside = format!(
        "pg_stat_statements: {took_us:.0} µs executing and planning; {} full-page images; {} looks into the \
         vault; batches of {:.0} events",
        run.full_pages,
        run.calls(&KEYS),
        count * run.events / writes.max(1) as f64
    );
    let figure =
        Figure::new("Postgres' share of one webhook delivery", target, measured, Verdict::of(kept));
    figure.beside(beside).on(&run.usage)
}
