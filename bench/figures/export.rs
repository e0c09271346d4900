use std::sync::Arc;
use std::time::{Duration, Instant};

use analytics::Dataset;
use anyhow::{Context, Result};
use export::{EXPORTER, ExportConfig, Exporter, Manifest};
use followers::{Checkpoints, FollowerConfig};
use schema::Position;
use simulator::{Shape, Simulator, record};
use store::{Ledger, Tail, TailConfig};
use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use super::server::Server;
use super::{Bench, Figure, Verdict};

/// Events read at a time.
const WINDOW: u32 = 20_000;

/// Reads the whole log, as any follower that is behind does, and does nothing with it.
async fn read_alone(ledger: &Ledger, head: Position) -> Result<Duration> {
    let began = Instant::now();
    let mut after = Position::START;
    while let Some(last) = ledger.read(after, head, WINDOW, None).await?.last() {
        after = last.position;
    }
    Ok(began.elapsed())
}

/// A log of a made-up history exported from its beginning.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.scene.database("bench_export").await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let owner = database.owner_pool(2).await?;
    let shape = Shape { recipients: 20_000, reports: 100, fan_out: 500, ..Shape::default() };
    let count =
        record(&mut *owner.acquire().await?, Simulator::new(shape).take(bench.sized(2_000_000)))
            .await?;
    sqlx::query("analyze events").execute(&owner).await?;
    let head = ledger.head().await?;
    read_alone(&ledger, head).await?; // into the cache, for both
    let alone = read_alone(&ledger, head).await?;

    let folder = bench.scene.directory("bench-export");
    drop(std::fs::remove_dir_all(&folder));
    let config = ExportConfig { enabled: true, folder, ..ExportConfig::default() };
    let stop = CancellationToken::new();
    let tail = Arc::new(Tail::start(&ledger, TailConfig::default(), stop.clone()).await?);
    let meter = Meter::start(&server, None).await?;
    let began = Instant::now();
    let exporting = {
        let (ledger, stop) = (Arc::clone(&ledger), stop.clone());
        let exporter = Exporter::new(&ledger, &config);
        tokio::spawn(async move {
            let config = FollowerConfig { batch_events: WINDOW, ..FollowerConfig::default() };
            followers::run(&ledger, &tail, vec![Box::new(exporter)], config, "n", &stop).await;
        })
    };
    let checkpoints = Checkpoints::new(Arc::clone(&ledger));
    checkpoints.await_position(&[EXPORTER], head, Duration::from_secs(600)).await?;
    let took = began.elapsed();
    let usage = meter.read().await?;
    stop.cancel();
    exporting.await.context("the exporter")?;

    let exported = Manifest::new(ledger.pool().clone()).read(None).await?;
    let bytes = |dataset: Option<Dataset>| -> u64 {
        let of = |file: &&export::ExportedFile| dataset.is_none_or(|one| one == file.dataset);
        exported.files.iter().filter(of).map(|file| file.written.bytes).sum()
    };
    let rows: u64 = exported
        .files
        .iter()
        .filter(|file| file.dataset == Dataset::Events)
        .map(|file| file.written.rows)
        .sum();
    let (rate, reading) = (rows as f64 / took.as_secs_f64(), count as f64 / alone.as_secs_f64());
    let each = |bytes: u64| bytes as f64 / rows as f64;
    let figure = Figure::new(
        "export of a log of 2,000,000 events, from its beginning",
        ">= 200,000 ev/s",
        format!(
            "{rate:.0} ev/s; {:.1} bytes an event, {:.1} of them in the events' own table, {} files",
            each(bytes(None)),
            each(bytes(Some(Dataset::Events))),
            exported.files.len()
        ),
        Verdict::of(rate >= 200_000.0),
    );
    Ok(vec![figure.beside(format!("reading the log alone: {reading:.0} ev/s")).on(&usage)])
}
