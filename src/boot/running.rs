use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use dispatch::Dispatcher;
use metrics_exporter_prometheus::PrometheusHandle;
use store::Ledger;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::parts::{Parts, all_followers};
use super::{identity_file, index};
use crate::clock;

/// How often the newest checkpoint is written outside of the database.
const IDENTITY_EVERY: Duration = Duration::from_secs(5);
/// How often the metrics' histograms are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// A running process.
pub struct Running {
    /// Where the API listens.
    pub address: SocketAddr,
    /// The node's name in events.
    pub node: String,
    ledger: Arc<Ledger>,
    /// What takes work in: ends first.
    entrances: Crew,
    /// What sends: ends when nothing more comes in.
    sends: Crew,
    /// What reads the log: ends last.
    readers: Crew,
    failed: CancellationToken,
}

/// Loops that end together.
struct Crew {
    stop: CancellationToken,
    failed: CancellationToken,
    loops: JoinSet<()>,
}

impl Crew {
    fn new(stop: CancellationToken, failed: &CancellationToken) -> Self {
        Self { stop, failed: failed.clone(), loops: JoinSet::new() }
    }

    /// Runs a loop; one that ends before it was told to ends the process.
    fn add(&mut self, name: &'static str, work: impl Future<Output = Result<()>> + Send + 'static) {
        let (stop, failed) = (self.stop.clone(), self.failed.clone());
        self.loops.spawn(async move {
            let ended = work.await;
            if let Err(problem) = &ended {
                error!(part = name, "{name} ended: {problem:#}");
            }
            if ended.is_err() || !stop.is_cancelled() {
                failed.cancel();
            }
        });
    }

    async fn end(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.loops.join_next().await {
            if let Err(problem) = ended {
                error!("a part ended in panic: {problem}");
                self.failed.cancel();
            }
        }
    }
}

/// Starts every loop.
pub async fn start(parts: Parts) -> Result<Running> {
    let failed = CancellationToken::new();
    let listener = listen("api.bind", &parts.config.api.bind).await?;
    let ops_listener = match &parts.config.api.ops_bind {
        Some(bind) => Some(listen("api.ops_bind", bind).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let mut entrances = Crew::new(CancellationToken::new(), &failed);
    let mut sends = Crew::new(CancellationToken::new(), &failed);
    let mut readers = Crew::new(parts.rest.clone(), &failed);

    if let Some(listener) = ops_listener {
        // Among the readers: operators see the node until all that it does has ended.
        let (router, config) = (api::ops_router(parts.api.clone()), parts.config.api.clone());
        let stop = readers.stop.clone();
        readers.add("ops", async move { Ok(api::serve(listener, router, &config, stop).await?) });
    }
    let (router, api_config) = (api::router(parts.api), parts.config.api.clone());
    let stop = entrances.stop.clone();
    entrances.add("api", async move { Ok(api::serve(listener, router, &api_config, stop).await?) });
    if parts.held.is_none() {
        let (intake, stop) = (Arc::clone(&parts.intake), entrances.stop.clone());
        entrances.add("planning", async move {
            intake.plan(stop).await;
            Ok(())
        });
        if let Some(kafka) = parts.kafka {
            let stop = entrances.stop.clone();
            entrances.add("kafka intake", async move { Ok(kafka.run(stop).await?) });
        }
        sends.add("dispatch", run_dispatch(parts.dispatcher, sends.stop.clone()));
        let (ledger, tail) = (Arc::clone(&parts.ledger), Arc::clone(&parts.tail));
        let (node, config) = (parts.node.clone(), parts.config.followers);
        let stop = readers.stop.clone();
        readers.add("followers", async move {
            let all = all_followers(&ledger);
            followers::run(&ledger, &tail, all, config, &node, &stop).await;
            Ok(())
        });
        let (ledger, file) = (Arc::clone(&parts.ledger), identity_file(&parts.config));
        readers.add("log identity", keep_identity(ledger, file, readers.stop.clone()));
    }
    let feeding = index::feed(
        Arc::clone(&parts.ledger),
        Arc::clone(&parts.tail),
        parts.index,
        parts.subscription,
        readers.stop.clone(),
    );
    readers.add("routing index", feeding);
    readers.add("metrics", upkeep(parts.metrics, readers.stop.clone()));
    Ok(Running {
        address,
        node: parts.node,
        ledger: parts.ledger,
        entrances,
        sends,
        readers,
        failed,
    })
}

async fn listen(key: &str, bind: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(bind).await;
    listener.with_context(|| format!("{key}: {bind} cannot be listened on"))
}

async fn run_dispatch(dispatcher: Arc<Dispatcher>, stop: CancellationToken) -> Result<()> {
    dispatcher.run(stop).await;
    Ok(())
}

/// Keeps the newest checkpoint where a restored backup does not reach.
async fn keep_identity(ledger: Arc<Ledger>, file: PathBuf, stop: CancellationToken) -> Result<()> {
    let mut every = interval(IDENTITY_EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        if let Err(problem) = ledger.write_identity(&file, clock::now()).await {
            warn!("the checkpoint outside of the database was not written: {problem}");
        }
    }
    Ok(())
}

async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) -> Result<()> {
    let mut every = interval(UPKEEP_EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        metrics.run_upkeep();
    }
    Ok(())
}

impl Running {
    /// Waits until a part has failed.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Takes nothing more in, sends and records what is under way, then ends. True when no part had failed.
    pub async fn stop(mut self) -> Result<bool> {
        self.entrances.end().await;
        self.sends.end().await;
        self.readers.end().await;
        self.ledger.close().await;
        Ok(!self.failed.is_cancelled())
    }
}
