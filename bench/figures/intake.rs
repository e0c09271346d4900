use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rand::RngCore;

use super::house::House;
use super::meter::{Meter, Usage};
use super::profile::Profile;
use super::spread::Spread;
use super::{Bench, Figure, Verdict};
use crate::sink::FastSink;
use crate::soak::Api;

/// Clients, each with a report and a webhook of its own.
const CLIENTS: usize = 32;
/// A fresh artifact of each version.
const ARTIFACT_BYTES: usize = 50 * 1024;

/// What one way of publishing came to.
struct Rate {
    reports: usize,
    per_s: f64,
    answered: Spread,
    usage: Usage,
    /// From the last answer until its webhook and all others had come.
    behind: Duration,
    hot: Vec<String>,
}

/// Reports a second from clients that each wait for their answer, while deliveries go on.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let house = House::open(bench, "intake", &[]).await?;
    let sink = FastSink::start(false).await?;
    for client in 0..CLIENTS {
        house.settle(&report(client), 1, sink.url(&format!("/ok/{client}"))).await?;
    }
    measure(bench, &house, &sink, "warm", 2, false).await?;
    let plain = measure(bench, &house, &sink, "plain", bench.seconds(15), false).await?;
    let files = measure(bench, &house, &sink, "files", bench.seconds(15), true).await?;
    house.close()?;
    Ok(vec![
        figure("intake while delivering, 32 clients, attributes only", 4_000.0, &plain),
        figure("intake while delivering, 32 clients, a fresh 50 KB artifact each", 1_000.0, &files),
    ])
}

fn report(client: usize) -> String {
    format!("intake-{client}")
}

fn figure(name: &str, wanted: f64, rate: &Rate) -> Figure {
    let figure = Figure::new(
        name,
        &format!(">= {wanted:.0} reports/s"),
        format!("{:.0} reports/s ({} in all)", rate.per_s, rate.reports),
        Verdict::of(rate.per_s >= wanted),
    );
    let behind = rate.behind.as_secs_f64() * 1000.0;
    figure
        .beside(format!("answered: {} ms; last webhook {behind:.0} ms later", rate.answered))
        .on(&rate.usage)
        .detail([rate.usage.each(rate.reports)])
        .detail(rate.hot.iter().cloned())
}

async fn measure(
    bench: &Bench,
    house: &House,
    sink: &FastSink,
    round: &str,
    seconds: u64,
    with_file: bool,
) -> Result<Rate> {
    let (before, length) = (sink.count(), Duration::from_secs(seconds));
    let meter = Meter::start(&house.server, Some(house.node.pid())).await?;
    let profile = Profile::start(bench, &house.node, round)?;
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (api, round) = (house.api.clone(), round.to_owned());
        tokio::spawn(
            async move { publish_until(api, client, &round, began + length, with_file).await },
        )
    });
    let mut answered = Vec::new();
    for client in try_join_all(clients).await? {
        answered.extend(client?);
    }
    let took = began.elapsed();
    let usage = meter.read().await?;
    let reports = answered.len();
    let waited = Instant::now();
    while sink.count() - before < reports as u64 {
        ensure!(waited.elapsed() < Duration::from_secs(60), "webhooks did not arrive");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let behind = waited.elapsed();
    let (per_s, hot) = (reports as f64 / took.as_secs_f64(), profile.read()?);
    Ok(Rate { reports, per_s, answered: Spread::of(answered), usage, behind, hot })
}

async fn publish_until(
    api: Api,
    client: usize,
    round: &str,
    until: Instant,
    with_file: bool,
) -> Result<Vec<Duration>> {
    let (report, mut answered) = (report(client), Vec::new());
    while Instant::now() < until {
        let version = format!("{round}-{}", answered.len());
        let file = with_file.then(|| {
            let mut bytes = vec![0; ARTIFACT_BYTES];
            rand::rng().fill_bytes(&mut bytes);
            bytes
        });
        let asked = Instant::now();
        match file {
            None => drop(api.publish(&report, &version).await?),
            Some(bytes) => api
                .publish_with_file(&report, &version, bytes)
                .await
                .with_context(|| version.clone())?,
        }
        answered.push(asked.elapsed());
    }
    Ok(answered)
}
