use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Bench;
use super::server::Server;
use crate::soak::kill::issue_key;
use crate::soak::{Api, Node, NodeConfig, Population};

/// How long a distribution may take.
const DONE_WITHIN: Duration = Duration::from_secs(600);
/// How often it is asked whether all is done.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked how far followers lag behind.
const LAG_EVERY: Duration = Duration::from_millis(250);

/// A running Waybill with databases of its own, at its default settings.
pub(super) struct House {
    pub server: Server,
    pub config: NodeConfig,
    pub node: Node,
    pub api: Api,
    pool: PgPool,
}

/// When what was sent had become known everywhere.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// Followers and when each had read all, the slowest last.
    pub followers: Vec<(String, Duration)>,
    /// When the last distribution was reconciled.
    pub reconciled: Duration,
}

impl Reached {
    /// When the slowest was done.
    pub fn last(&self) -> Duration {
        self.followers.iter().map(|(_, at)| *at).max().unwrap_or_default().max(self.reconciled)
    }

    pub fn names(&self) -> String {
        let name = |(name, at): &(String, Duration)| format!("{name} {:.2}", at.as_secs_f64());
        self.followers.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

impl House {
    /// Opens one.
    pub async fn open(bench: &Bench, name: &str, settings: &[(&str, String)]) -> Result<Self> {
        let database = bench.scene.database(&format!("bench_{name}")).await?;
        let server = Server::connect(&database).await?;
        let mut config = NodeConfig {
            id: "n1".to_owned(),
            database: database.clone(),
            directory: bench.scene.directory(&format!("bench-{name}")),
            settings: vec![("WAYBILL_LOG__LEVEL".to_owned(), "warn".to_owned())],
        };
        let named = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        config.settings.extend(named);
        fs::remove_dir_all(&config.directory).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        fs::create_dir_all(&config.directory)?;
        let key = issue_key(&config)?;
        let node = config.serve().await?;
        let api = Api::new(&node.url, &key)?;
        let pool = database.app_pool(2).await?;
        Ok(Self { server, config, node, api, pool })
    }

    /// Recipients with one webhook each, subscribed to `report`; waits until followers have them.
    pub async fn settle(&self, report: &str, size: usize, address: String) -> Result<()> {
        let channel = if address.contains("://") { "webhook" } else { "mail" };
        let population = Population { report: report.to_owned(), size, channel, address };
        let began = Instant::now();
        population.settle(&self.api).await?;
        tracing::debug!("{size} recipients of {report} set up in {:.1?}", began.elapsed());
        self.await_followers(began).await?;
        Ok(())
    }

    /// Statistics begin here.
    pub async fn forget(&self) -> Result<()> {
        self.server.checkpoint().await?;
        self.server.reset().await
    }

    pub async fn head(&self) -> Result<i64> {
        let sql = "select coalesce(max(position), 0) from events";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Waits until so many distributions are reconciled and every follower has read all there is.
    pub async fn await_done(&self, distributions: u64, began: Instant) -> Result<Reached> {
        let sql = "select count(*) from events where aggregate_type = 'distribution' \
             and event_type = 'DistributionReconciled'";
        loop {
            let done: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
            if done.unsigned_abs() >= distributions {
                break;
            }
            ensure!(began.elapsed() < DONE_WITHIN, "{done} of {distributions} were reconciled");
            tokio::time::sleep(ASK_EVERY).await;
        }
        let reconciled = began.elapsed();
        let followers = self.await_followers(began).await?;
        Ok(Reached { followers, reconciled })
    }

    /// Waits until every follower is at the head as it is now; when each was.
    async fn await_followers(&self, began: Instant) -> Result<Vec<(String, Duration)>> {
        let head = self.head().await?;
        let sql = "select name, position >= $1 from checkpoints order by name";
        let mut reached: Vec<(String, Duration)> = Vec::new();
        loop {
            let rows: Vec<(String, bool)> =
                sqlx::query_as(sql).bind(head).fetch_all(&self.pool).await?;
            ensure!(!rows.is_empty(), "there are no followers");
            for (name, there) in &rows {
                if *there && !reached.iter().any(|(known, _)| known == name) {
                    reached.push((name.clone(), began.elapsed()));
                }
            }
            if reached.len() == rows.len() {
                return Ok(reached);
            }
            let waiting = rows.iter().filter(|(_, there)| !there).map(|(name, _)| name);
            let waiting: Vec<&String> = waiting.collect();
            ensure!(began.elapsed() < DONE_WITHIN, "{waiting:?} did not reach {head}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Looks at how many events the slowest follower lags behind, until it is read.
    pub fn watch_lag(&self) -> LagWatch {
        let (pool, stop) = (self.pool.clone(), CancellationToken::new());
        let ended = stop.clone();
        let watching = tokio::spawn(async move {
            let sql = "select (select coalesce(max(position), 0) from events) - min(position) \
                 from checkpoints";
            let mut lags: Vec<i64> = Vec::new();
            while ended.run_until_cancelled(tokio::time::sleep(LAG_EVERY)).await.is_some() {
                lags.push(sqlx::query_scalar(sql).fetch_one(&pool).await?);
            }
            anyhow::Ok(lags)
        });
        LagWatch { stop, watching: AbortOnDropHandle::new(watching) }
    }

    /// Largest resident memory the node has had, in MB.
    pub fn peak_mb(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.node.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        let kb: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kb / 1024.0)
    }

    /// Deliveries of the ledger that ended as delivered or accepted.
    pub async fn succeeded(&self) -> Result<i64> {
        let sql = "select count(*) from events where aggregate_type = 'delivery' \
             and event_type = 'AttemptEnded' and payload->'outcome'->>'kind' = 'succeeded'";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Stops the node politely.
    pub fn close(self) -> Result<()> {
        self.node.stop()
    }
}

/// How far followers lag, being watched.
pub(super) struct LagWatch {
    stop: CancellationToken,
    watching: AbortOnDropHandle<Result<Vec<i64>>>,
}

impl LagWatch {
    /// In words: the middle and the largest lag, in events.
    pub async fn read(self) -> Result<String> {
        self.stop.cancel();
        let mut lags = self.watching.await??;
        lags.sort_unstable();
        let middle = lags.get(lags.len() / 2).copied().unwrap_or_default();
        Ok(format!("lag p50 {middle}, max {} events", lags.last().copied().unwrap_or_default()))
    }
}
