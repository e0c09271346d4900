use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{PgPool, Row};

use super::aftermath::{self, Finding};
use super::{Api, Node, NodeConfig, Population, Scene};
use crate::sink::{Records, WebhookSink, WebhookSinkConfig};

/// Deliveries of one distribution.
pub const SIZE: usize = 5_000;
/// How long the sink takes for each.
pub const SINK_DELAY: Duration = Duration::from_millis(2);
/// Attempts under way at most; a kill may put so many in doubt.
pub const PERMITS: u64 = 64;
/// How long a distribution may take to be closed after a restart.
const CLOSED_WITHIN: Duration = Duration::from_secs(90);

/// What one kill led to.
#[derive(Clone, Debug)]
pub struct KillVerdict {
    /// Draws the moment of the kill.
    pub seed: u64,
    /// Share of the distribution closed at the kill, as the ledger has it.
    pub share_done: f64,
    /// Share of the distribution that the sink had taken when the Kafka broker was killed, too.
    pub broker_share: Option<f64>,
    /// Deliveries planned twice, not at all or not closed, or closed as delivered and unknown to the sink.
    pub lost: u64,
    /// Streams with an attempt started or ended twice, or closed twice.
    pub duplicate_events: u64,
    /// Deliveries that the sink took more than once.
    pub duplicate_sends: u64,
    /// Of these, such that no attempt is marked in doubt.
    pub unmarked: u64,
    /// Attempts marked in doubt.
    pub in_doubt: u64,
}

impl KillVerdict {
    /// Whether every promise was kept.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.lost == 0
            && self.duplicate_events == 0
            && self.unmarked == 0
            && self.in_doubt <= PERMITS
    }
}

/// A running system that is killed again and again.
pub struct Arena {
    scene: Scene,
    config: NodeConfig,
    node: Option<Node>,
    api: Api,
    sink: WebhookSink,
    pool: PgPool,
    report: String,
}

/// The settings under which nodes of a soak run: short leases, so that a restart shows within seconds.
#[must_use]
pub fn settings() -> Vec<(String, String)> {
    [
        ("WAYBILL_WEBHOOK__TIMEOUT_MS", "2000".to_owned()),
        ("WAYBILL_WEBHOOK__CONNECT_TIMEOUT_MS", "1000".to_owned()),
        ("WAYBILL_MAIL__SEND_TIMEOUT_MS", "2000".to_owned()),
        ("WAYBILL_MAIL__COMMAND_TIMEOUT_MS", "1500".to_owned()),
        ("WAYBILL_MAIL__CONNECT_TIMEOUT_MS", "1000".to_owned()),
        ("WAYBILL_DISPATCH__LEASE_MARGIN_MS", "1000".to_owned()),
        ("WAYBILL_DISPATCH__PERMITS", PERMITS.to_string()),
        ("WAYBILL_DISPATCH__TENANT_PERMITS", PERMITS.to_string()),
        ("WAYBILL_DISPATCH__MAIL_PERMITS", PERMITS.to_string()),
        ("WAYBILL_DISPATCH__WEBHOOK_PERMITS", PERMITS.to_string()),
        ("WAYBILL_DISPATCH__DESTINATION_PERMITS", PERMITS.to_string()),
        ("WAYBILL_RETRY__WEBHOOK__BASE_MS", "200".to_owned()),
        ("WAYBILL_RETRY__WEBHOOK__CAP_MS", "1000".to_owned()),
        ("WAYBILL_RETRY__WEBHOOK__ATTEMPT_LIMIT", "12".to_owned()),
        ("WAYBILL_RETRY__WEBHOOK__RETRY_AFTER_CAP_MS", "1000".to_owned()),
        ("WAYBILL_RETRY__WEBHOOK__DOUBT_LIMIT", "12".to_owned()),
        ("WAYBILL_LOG__LEVEL", "warn".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

impl Arena {
    /// Sets the scene: databases, sink, tenant, key, recipients.
    ///
    /// # Errors
    /// When anything of it fails.
    pub async fn set_up(scene: &Scene) -> Result<Self> {
        let database = scene.database("soak_kill").await?;
        let directory = scene.directory("soak-kill");
        let sink =
            WebhookSink::start(WebhookSinkConfig { delay: SINK_DELAY, keep_bodies: false }).await?;
        let pool = database.app_pool(2).await?;
        let settings = [settings(), aftermath::settings(scene, &directory)].concat();
        // Files of an earlier run are none of this ledger's.
        drop(std::fs::remove_dir_all(&directory));
        let config = NodeConfig { id: "n1".to_owned(), database, directory, settings };
        let key = issue_key(&config)?;
        let node = config.serve().await?;
        let api = Api::new(&node.url, &key)?;
        let population = Population {
            report: "soak".to_owned(),
            size: SIZE,
            channel: "webhook",
            address: sink.url("/ok/{}"),
        };
        population.settle(&api).await?;
        let (scene, report) = (scene.clone(), population.report);
        Ok(Self { scene, config, node: Some(node), api, sink, pool, report })
    }

    /// Publishes one version, kills the node at a share drawn from `seed`, restarts it, and compares. With `broker` the
    /// Kafka broker is killed and restarted at a share of its own, before, while or after the node is down.
    ///
    /// # Errors
    /// When the system does not come back or does not finish.
    pub async fn round(&mut self, seed: u64, broker: bool) -> Result<KillVerdict> {
        let mut draw = StdRng::seed_from_u64(seed);
        let share = draw.random_range(0.06..0.94);
        let broker_share = broker.then(|| draw.random_range(0.06..0.94));
        self.sink.records.clear();
        let distribution = self.api.publish(&self.report, &format!("seed-{seed}")).await?;
        let crash = broker_share.map(|share| {
            tokio::spawn(crash_broker(self.scene.clone(), self.sink.records.clone(), share))
        });
        await_taken(&self.sink.records, share).await?;
        self.node.take().context("no node")?.kill()?;
        let share_done = self.closed(&distribution).await? as f64 / SIZE as f64;
        let node = self.config.serve().await?;
        self.api = self.api.at(&node.url);
        self.node = Some(node);
        self.await_reconciled(&distribution).await?;
        if let Some(crash) = crash {
            crash.await??;
        }
        let verdict = self.compare(seed, share_done, &distribution).await?;
        Ok(KillVerdict { broker_share, ..verdict })
    }

    /// Waits until mirror and export are at the log's end, stops the node politely, and looks at what it left behind.
    ///
    /// # Errors
    /// When they do not come there, the node does not end well, or something cannot be compared.
    pub async fn finish(mut self) -> Result<(Duration, Vec<Finding>)> {
        let took = aftermath::await_caught_up(&self.pool).await?;
        self.node.take().context("no node")?.stop()?;
        Ok((took, aftermath::look(&self.scene, &self.config).await?))
    }

    async fn closed(&self, distribution: &str) -> Result<i64> {
        const SQL: &str = "select count(*) from events e join events s \
             on s.aggregate_type = 'delivery' and s.aggregate_id = e.aggregate_id and s.sequence = 1 \
             where e.aggregate_type = 'delivery' and e.event_type = 'AttemptEnded' \
             and e.payload->'outcome'->>'kind' = 'succeeded' \
             and s.payload->>'distribution' = $1";
        Ok(sqlx::query(SQL).bind(distribution).fetch_one(&self.pool).await?.try_get(0)?)
    }

    async fn await_reconciled(&self, distribution: &str) -> Result<()> {
        const SQL: &str = "select exists (select from events where aggregate_type = 'distribution' \
             and aggregate_id = $1 and event_type = 'DistributionReconciled')";
        let started = Instant::now();
        loop {
            let row = sqlx::query(SQL).bind(distribution).fetch_one(&self.pool).await?;
            if row.try_get(0)? {
                return Ok(());
            }
            ensure!(started.elapsed() < CLOSED_WITHIN, "{distribution} was not reconciled in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn compare(&self, seed: u64, share_done: f64, distribution: &str) -> Result<KillVerdict> {
        let deliveries = self.deliveries(distribution).await?;
        let arrivals = self.sink.records.all();
        let mut verdict = KillVerdict {
            seed,
            share_done,
            broker_share: None,
            lost: (deliveries.len() as u64).abs_diff(SIZE as u64),
            duplicate_events: 0,
            duplicate_sends: 0,
            unmarked: 0,
            in_doubt: 0,
        };
        for (id, delivery) in &deliveries {
            let taken = arrivals
                .get(&format!("msg_{}", id.replace('-', "")))
                .map_or(0, |arrival| arrival.taken_count);
            verdict.lost += u64::from(delivery.succeeded == 0 || taken == 0);
            verdict.duplicate_events += u64::from(
                delivery.succeeded > 1
                    || delivery.started != delivery.attempts
                    || delivery.ended != delivery.attempts,
            );
            verdict.duplicate_sends += u64::from(taken > 1);
            verdict.unmarked += u64::from(taken > 1 && delivery.in_doubt == 0);
            verdict.in_doubt += delivery.in_doubt.unsigned_abs();
        }
        let known = deliveries.keys().map(|id| format!("msg_{}", id.replace('-', "")));
        let known: HashMap<String, ()> = known.map(|id| (id, ())).collect();
        let strangers = arrivals.keys().filter(|id| !known.contains_key(*id)).count();
        verdict.lost += strangers as u64;
        Ok(verdict)
    }

    async fn deliveries(&self, distribution: &str) -> Result<HashMap<String, Delivery>> {
        const SQL: &str = "select d.aggregate_id, \
             count(*) filter (where d.event_type = 'AttemptStarted'), \
             count(*) filter (where d.event_type = 'AttemptEnded'), \
             count(distinct d.payload->>'attempt') filter (where d.event_type = 'AttemptStarted'), \
             count(*) filter (where d.payload->'outcome'->>'kind' = 'succeeded'), \
             count(*) filter (where d.payload->'outcome'->>'kind' = 'in_doubt') \
             from events d where d.aggregate_type = 'delivery' and d.aggregate_id in ( \
             select aggregate_id from events where aggregate_type = 'delivery' \
             and event_type = 'DeliveryScheduled' and payload->>'distribution' = $1) \
             group by d.aggregate_id";
        let rows = sqlx::query(SQL).bind(distribution).fetch_all(&self.pool).await?;
        rows.into_iter()
            .map(|row| {
                let delivery = Delivery {
                    started: row.try_get(1)?,
                    ended: row.try_get(2)?,
                    attempts: row.try_get(3)?,
                    succeeded: row.try_get(4)?,
                    in_doubt: row.try_get(5)?,
                };
                Ok((row.try_get(0)?, delivery))
            })
            .collect()
    }
}

/// Kills the broker once the sink has taken that share, and starts it again.
async fn crash_broker(scene: Scene, records: Records, share: f64) -> Result<()> {
    await_taken(&records, share).await?;
    scene.crash("kafka").await
}

async fn await_taken(records: &Records, share: f64) -> Result<()> {
    let (started, count) = (Instant::now(), (share * SIZE as f64) as usize);
    while records.len() < count {
        ensure!(started.elapsed() < CLOSED_WITHIN, "{count} webhooks did not arrive");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// What plain SQL says of one delivery.
struct Delivery {
    started: i64,
    ended: i64,
    attempts: i64,
    succeeded: i64,
    in_doubt: i64,
}

/// A tenant `soak` and a key for it, by the command line.
///
/// # Errors
/// When the product refuses.
pub fn issue_key(config: &NodeConfig) -> Result<String> {
    config.run(&["keys", "create-tenant", "soak", "--title", "Soak"])?;
    let scopes = "publish,subscribe,read,operate,audit";
    let words = ["keys", "issue", "--tenant", "soak", "--title", "soak", "--scopes", scopes];
    let answer = config.run(&words)?;
    Ok(answer["key"].as_str().context("no key in the answer")?.to_owned())
}
