//! The loop every follower runs in: take the lease, check that it is the log one has read, catch up, follow the tail;
//! when the lease or the database is lost, begin again from the checkpoint.

mod beat;
mod feed;
mod tenure;

use std::sync::Arc;
use std::time::Duration;

use schema::Position;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use store::{Ledger, Tail};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::beat::Fenced;
use self::feed::{Feed, Heard, Wants};
use self::tenure::{Applied, Tenure, lease_ms};
use crate::checkpoint::queries::{self, Lease};
use crate::{Follower, FollowerConfig, FollowerError, FollowersError, Mark, metric};

/// First pause when the database is away, in milliseconds; doubled up to the configured cap.
const RETRY_BASE_MS: u64 = 100;
/// How long making a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to say why a follower waits.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// Runs every follower, each in a task of its own, until `stop`. Returns when all have let go of their leases.
pub async fn run(
    ledger: &Arc<Ledger>,
    tail: &Arc<Tail>,
    followers: Vec<Box<dyn Follower>>,
    config: FollowerConfig,
    node: &str,
    stop: &CancellationToken,
) {
    let mut running = JoinSet::new();
    for follower in followers {
        let runner = Runner::new(ledger, tail, follower, config, node);
        running.spawn(runner.run(stop.clone()));
    }
    while running.join_next().await.is_some() {}
}

/// One follower in its loop.
pub struct Runner {
    ledger: Arc<Ledger>,
    tail: Arc<Tail>,
    follower: Box<dyn Follower>,
    config: FollowerConfig,
    node: String,
}

/// Why a tenure ended.
enum End {
    /// We are to stop.
    Stopped,
    /// Another node has the follower, or something changed beneath us: look again in a while.
    LookAgain,
}

impl Runner {
    /// A runner of `follower` on `node`. Node ids are unique among running processes.
    #[must_use]
    pub fn new(
        ledger: &Arc<Ledger>,
        tail: &Arc<Tail>,
        follower: Box<dyn Follower>,
        config: FollowerConfig,
        node: &str,
    ) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            tail: Arc::clone(tail),
            follower,
            config,
            node: node.to_owned(),
        }
    }

    /// Runs until `stop`; what the world does is waited out.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut retry_ms = RETRY_BASE_MS;
        while !stop.is_cancelled() {
            let pause = match self.serve(&stop).await {
                Ok(End::Stopped) => break,
                Ok(End::LookAgain) => {
                    retry_ms = RETRY_BASE_MS;
                    self.config.heartbeat()
                }
                Err(error) => {
                    let name = self.follower.name();
                    tracing::warn!(follower = name, "follower {name} waits: {error}");
                    self.tell_of(&error.to_string()).await;
                    let pause = Duration::from_millis(retry_ms);
                    retry_ms = (retry_ms * 2).min(self.config.retry_cap_ms.max(RETRY_BASE_MS));
                    pause
                }
            };
            metric::leads(self.follower.name(), false);
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One tenure, if the follower is free.
    async fn serve(&mut self, stop: &CancellationToken) -> Result<End, FollowersError> {
        let mut conn = self.connect().await?;
        let name = self.follower.name().to_owned();
        let lease = queries::acquire(&mut conn, &name, &self.node, lease_ms(&self.config)).await?;
        let Some(lease) = lease else { return Ok(End::LookAgain) };
        tracing::debug!(follower = name, epoch = lease.epoch, "follower {name} runs here");
        metric::leads(&name, true);
        metric::stands_still(&name, false);
        self.follower.forget();
        let system_identifier = self.ledger.system_identifier().await?;
        let types = self.follower.follows().to_vec();
        let types = (!self.follower.takes_stored()).then_some(types);
        let looks_into = self.follower.looks_into();
        let wants = Wants { types, limit: self.config.batch_events, looks_into };
        let feed = Feed::new(&self.ledger, &self.tail, wants);
        let follower = self.follower.as_mut();
        let mut tenure = Tenure::new(conn, follower, self.config, &lease, system_identifier);
        let begun = begin(&self.ledger, &mut tenure, &lease, &name, system_identifier);
        match stop.run_until_cancelled(begun).await {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(Fenced))) => return Ok(End::LookAgain),
            Some(Err(other @ FollowersError::OtherLog { .. })) => {
                tenure.mark(Position(lease.position), &other.to_string()).await?;
                return Ok(wait_for_mercy(&mut tenure, stop).await?);
            }
            Some(Err(error)) => return Err(error),
            None => {
                tenure.resign().await?;
                return Ok(End::Stopped);
            }
        }
        Ok(follow(&mut tenure, feed, stop).await?)
    }

    /// Lets others see why the follower waits. Where they cannot be told, the log has it.
    async fn tell_of(&self, trouble: &str) {
        let (pool, name) = (self.ledger.pool(), self.follower.name());
        let telling = queries::trouble_of_node(pool, name, &self.node, trouble);
        if !matches!(timeout(TELL_WITHIN, telling).await, Ok(Ok(()))) {
            tracing::debug!(follower = name, "the trouble of follower {name} could not be shown");
        }
    }

    /// A connection of the follower's own. Its statements find rows by key: no plan may read a table through. What a
    /// crash takes from it, rows and checkpoint together, is read again: no commit of it waits for the disk.
    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let base = self.ledger.pool().connect_options();
        let options = follower_options(&base, self.follower.schema());
        let options = options.application_name(&format!("waybill-{}", self.follower.name()));
        let connected = timeout(CONNECT_WITHIN, options.connect()).await;
        connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }
}

/// How a follower's connection differs from others.
pub(crate) fn follower_options(base: &PgConnectOptions, schema: &str) -> PgConnectOptions {
    base.clone().options([
        ("search_path", schema),
        ("synchronous_commit", "off"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        // A batch takes as long as it takes: its runner watches over it.
        ("statement_timeout", "0"),
    ])
}

/// Makes sure that the log is the one the follower has read, by its checkpoint and by what the follower itself keeps.
async fn begin(
    ledger: &Ledger,
    tenure: &mut Tenure<'_>,
    lease: &Lease,
    name: &str,
    system_identifier: i64,
) -> Result<Result<(), Fenced>, FollowersError> {
    same_log(ledger, name, lease.mark()).await?;
    if lease.system_identifier.is_some_and(|known| known != system_identifier) {
        tracing::warn!(follower = name, "the log of follower {name} has moved to another cluster");
    }
    let own = match tenure.resume().await? {
        Ok(own) => own,
        Err(Fenced) => return Ok(Err(Fenced)),
    };
    if let Some(mark) = own {
        same_log(ledger, name, mark).await?;
        tenure.start_from(mark);
    }
    tenure.is_at_work().await?;
    Ok(Ok(()))
}

/// Refuses a log that does not hold the event of the mark. The cluster's identifier alone does not matter: a log that
/// was moved is the same log.
async fn same_log(ledger: &Ledger, name: &str, mark: Mark) -> Result<(), FollowersError> {
    let Mark { position, event_hash: Some(expected) } = mark else { return Ok(()) };
    let found = ledger.event_hash(position).await?;
    if found == Some(expected) {
        return Ok(());
    }
    Err(FollowersError::OtherLog { name: name.to_owned(), position, expected, found })
}

async fn follow(
    tenure: &mut Tenure<'_>,
    mut feed: Feed,
    stop: &CancellationToken,
) -> Result<End, FollowerError> {
    loop {
        if stop.is_cancelled() {
            tenure.resign().await?;
            return Ok(End::Stopped);
        }
        let portion = if feed.is_behind(tenure.position) {
            feed.read(tenure.position).await?
        } else {
            tokio::select! {
                heard = feed.listen(tenure.position) => match heard {
                    Some(Heard::Rows(portion)) => portion,
                    Some(Heard::Nothing) => continue,
                    None => return ended(tenure, stop).await,
                },
                () = sleep_until(tenure.next_write()) => {
                    if let Err(Fenced) = tenure.write(feed.head()).await? {
                        return Ok(End::LookAgain);
                    }
                    continue;
                }
                () = stop.cancelled() => continue,
            }
        };
        let applied = match tenure.apply(&portion, feed.head()).await {
            // Called off with the rest: no trouble of the follower's.
            Err(FollowerError::Again(_)) if stop.is_cancelled() => continue,
            applied => applied?,
        };
        match applied {
            Applied::All => {}
            Applied::Fenced => return Ok(End::LookAgain),
            Applied::StandsStill => return wait_for_mercy(tenure, stop).await,
        }
        if tenure.next_write() <= Instant::now()
            && let Err(Fenced) = tenure.write(feed.head()).await?
        {
            return Ok(End::LookAgain);
        }
        if portion.is_busy() && !feed.is_behind(tenure.position) {
            tokio::select! {
                () = sleep(tenure.config.linger()) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// The tail is gone: with the process, or to be started anew.
async fn ended(tenure: &mut Tenure<'_>, stop: &CancellationToken) -> Result<End, FollowerError> {
    tenure.resign().await?;
    Ok(if stop.is_cancelled() { End::Stopped } else { End::LookAgain })
}

/// Stands still, and says so, until the mark is taken away: by a skip, or by a rebuild.
async fn wait_for_mercy(
    tenure: &mut Tenure<'_>,
    stop: &CancellationToken,
) -> Result<End, FollowerError> {
    loop {
        tokio::select! {
            () = sleep(tenure.config.heartbeat()) => match tenure.heartbeat().await? {
                Ok(true) => {}
                Ok(false) | Err(Fenced) => return Ok(End::LookAgain),
            },
            () = stop.cancelled() => {
                tenure.resign().await?;
                return Ok(End::Stopped);
            }
        }
    }
}
