use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use dispatch::Dispatcher;
use followers::HearAhead;
use metrics_exporter_prometheus::PrometheusHandle;
use reactors::last_mismatches;
use returns::{Lmtp, Maildir};
use store::Ledger;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::parts::{Parts, all_followers};
use super::watch::Watch;
use super::{identity_file, index, minutes};
use crate::telemetry;

/// How often the metrics' histograms are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// A running process.
pub struct Running {
    /// Where the API listens.
    pub address: SocketAddr,
    /// The node's name in events.
    pub node: String,
    ledger: Arc<Ledger>,
    /// Where requests come in: ends first.
    entrance: Crew,
    /// Nothing, when the process was held from the start.
    work: Option<Work>,
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

/// What must not go on once the log turns out to be another one.
struct Work {
    /// Plans, and takes in from Kafka.
    intake: Crew,
    /// Sends: ends when nothing more comes in.
    sends: Crew,
    /// Makes something of what the log says.
    followers: Crew,
}

impl Work {
    fn start(
        parts: &Parts,
        (maildir, lmtp): (Option<Maildir>, Option<Lmtp>),
        failed: &CancellationToken,
        hear_ahead: HearAhead,
    ) -> Self {
        let crew = || Crew::new(CancellationToken::new(), failed);
        let mut work = Self { intake: crew(), sends: crew(), followers: crew() };
        let (intake, stop) = (Arc::clone(&parts.intake), work.intake.stop.clone());
        work.intake.add("planning", async move {
            intake.plan(stop).await;
            Ok(())
        });
        if let Some(kafka) = parts.kafka.clone() {
            let stop = work.intake.stop.clone();
            work.intake.add("kafka intake", async move { Ok(kafka.run(stop).await?) });
        }
        if let Some(maildir) = maildir {
            let stop = work.intake.stop.clone();
            work.intake.add("maildir", async move {
                maildir.run(stop).await;
                Ok(())
            });
        }
        if let Some(lmtp) = lmtp {
            let stop = work.intake.stop.clone();
            work.intake.add("lmtp", async move { Ok(lmtp.run(stop).await?) });
        }
        let sending = run_dispatch(Arc::clone(&parts.dispatcher), work.sends.stop.clone());
        work.sends.add("dispatch", sending);
        let (ledger, tail) = (Arc::clone(&parts.ledger), Arc::clone(&parts.tail));
        let (node, config) = (parts.node.clone(), parts.config.followers);
        let stop = work.followers.stop.clone();
        let all = all_followers(&ledger, &parts.config, &stop, hear_ahead);
        work.followers.add("followers", async move {
            followers::run(&ledger, &tail, all, config, &node, &stop).await;
            Ok(())
        });
        work
    }

    fn stops(&self) -> [CancellationToken; 3] {
        [&self.intake, &self.sends, &self.followers].map(|crew| crew.stop.clone())
    }
}

/// Starts every loop.
pub async fn start(parts: Parts) -> Result<Running> {
    let failed = CancellationToken::new();
    let tls = api::Tls::open(&parts.config.api).map_err(|wrong| anyhow!("{wrong}"))?;
    let listener = listen("api.bind", &parts.config.api.bind).await?;
    let ops_listener = match &parts.config.api.ops_bind {
        Some(bind) => Some(listen("api.ops_bind", bind).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let mut entrance = Crew::new(CancellationToken::new(), &failed);
    let mut readers = Crew::new(parts.rest.clone(), &failed);
    let mut work = None;
    if !parts.held.is_held() {
        let (sender, mirror_ahead) = watch::channel(None);
        let lost_through = parts.lost_through;
        let hear_ahead: HearAhead = Arc::new(move |known| {
            sender.send_replace(Some(known).filter(|known| *known > lost_through));
        });
        let maildir = Maildir::open(&parts.returns).context("returns.maildir")?;
        let lmtp = Lmtp::open(&parts.returns).await.context("returns.lmtp_bind")?;
        let started = Work::start(&parts, (maildir, lmtp), &failed, hear_ahead);
        let watch = Watch {
            ledger: Arc::clone(&parts.ledger),
            tail: Arc::clone(&parts.tail),
            file: identity_file(&parts.config),
            held: parts.held.clone(),
            mirror_ahead,
            work: started.stops(),
        };
        readers.add("log identity", watch.run(readers.stop.clone()));
        work = Some(started);
    }

    if let Some(listener) = ops_listener {
        // Among the readers: operators see the node until all that it does has ended.
        let (router, config) = (api::ops_router(parts.api.clone()), parts.config.api.clone());
        let stop = readers.stop.clone();
        let serving = async move { Ok(api::serve(listener, None, router, &config, stop).await?) };
        readers.add("ops", serving);
    }
    let (ledger, stop) = (Arc::clone(&parts.ledger), readers.stop.clone());
    readers.add("minutes", minutes::keep(ledger, parts.api.clone(), parts.node.clone(), stop));
    let (router, api_config) = (api::router(parts.api), parts.config.api.clone());
    if let Some(tls) = tls.clone() {
        let stop = entrance.stop.clone();
        entrance.add("certificate", async move {
            tls.follow(stop).await;
            Ok(())
        });
    }
    let stop = entrance.stop.clone();
    entrance
        .add("api", async move { Ok(api::serve(listener, tls, router, &api_config, stop).await?) });
    let feeding = index::feed(
        Arc::clone(&parts.ledger),
        Arc::clone(&parts.tail),
        parts.index,
        parts.subscription,
        readers.stop.clone(),
    );
    readers.add("routing index", feeding);
    let upkeep = upkeep(parts.metrics, Arc::clone(&parts.ledger), readers.stop.clone());
    readers.add("metrics", upkeep);
    let (node, ledger) = (parts.node, parts.ledger);
    Ok(Running { address, node, ledger, entrance, work, readers, failed })
}

async fn listen(key: &str, bind: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(bind).await;
    listener.with_context(|| format!("{key}: {bind} cannot be listened on"))
}

async fn run_dispatch(dispatcher: Arc<Dispatcher>, stop: CancellationToken) -> Result<()> {
    dispatcher.run(stop).await;
    Ok(())
}

async fn upkeep(
    metrics: PrometheusHandle,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
) -> Result<()> {
    let mut every = interval(UPKEEP_EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        metrics.run_upkeep();
        if let Ok(Some((count, _))) = last_mismatches(ledger.pool()).await {
            telemetry::completeness_mismatches(count);
        }
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
        if let Some(work) = &self.work {
            work.intake.stop.cancel();
        }
        self.entrance.end().await;
        if let Some(work) = &mut self.work {
            work.intake.end().await;
            work.sends.end().await;
            work.followers.end().await;
        }
        self.readers.end().await;
        self.ledger.close().await;
        Ok(!self.failed.is_cancelled())
    }
}
