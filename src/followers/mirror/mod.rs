//! The log on Kafka: every event exactly once for whoever reads what was committed, in order per stream, as the bytes
//! it is stored as. Each transaction there carries its own checkpoint, which is believed over the one in Postgres.

mod backfill;
mod beyond;
mod checkpoint;
mod config;
mod difference;
mod error;
mod hearing;
mod outlet;
mod partition;
mod reading;
mod sums;
mod topics;
mod verify;
mod view;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use schema::{AggregateType, Position, Sha256, Timestamp};
use store::{Ledger, LogIdentity, LogRow};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use self::checkpoint::Checkpoint;
use self::outlet::{Ends, Outlet, Record};
use self::topics::{Names, Topics};
use crate::{Follower, FollowerError, Mark};

pub use self::backfill::{Backfill, BackfillOrder, Backfilled};
pub use self::beyond::Beyond;
pub use self::config::MirrorConfig;
pub use self::difference::{MirrorDifference, Place};
pub use self::error::MirrorError;
pub use self::verify::{Retained, Tell, Verification};
pub use self::view::{MirrorMark, MirrorPartition, MirrorStatus, MirrorTopic, MirrorView};

/// From so many events on more are likely on their way, and nothing waits for these.
const MANY: usize = 100;
/// So many are made ready while a transaction is under way, then it is waited for. The next one takes them all: part of
/// what a transaction costs, about 10 ms, is the same whatever its size.
const FULL: usize = 16_000;

/// Hears that the mirror's last event, at this position, is none of the ledger's.
pub type HearAhead = Arc<dyn Fn(Position) + Send + Sync>;

/// Mirrors the log to Kafka.
pub struct Mirror {
    ledger: Arc<Ledger>,
    config: MirrorConfig,
    client: ClientConfig,
    follower: String,
    names: Names,
    stop: CancellationToken,
    hear_ahead: HearAhead,
    /// As CloudEvents' `source`.
    source: String,
    open: Option<Open>,
    /// Made ready, for the next transaction.
    ready: Vec<Record>,
    /// The last event that was made ready, with its hash.
    reached: Option<(Position, Sha256)>,
    writing: Option<Writing>,
    /// The last event that the brokers have committed.
    carried: Mark,
}

/// A transaction under way.
struct Writing {
    through: Mark,
    ended: JoinHandle<Result<Open, MirrorError>>,
}

/// What a tenure writes with.
struct Open {
    outlet: Outlet,
    ends: BTreeMap<String, Vec<i64>>,
}

impl Mirror {
    /// The mirror of `ledger` at the brokers that `client` names. It gives up waiting for them once `stop` is called.
    /// `hear_ahead` is told when it finds itself ahead of the ledger, or of another one.
    #[must_use]
    pub fn new(
        ledger: &Arc<Ledger>,
        config: MirrorConfig,
        client: ClientConfig,
        stop: CancellationToken,
        hear_ahead: HearAhead,
    ) -> Self {
        let (follower, names) = (Self::follower_of(&config), Names::of(&config));
        let ledger = Arc::clone(ledger);
        Self {
            ledger,
            config,
            client,
            follower,
            names,
            stop,
            hear_ahead,
            source: String::new(),
            open: None,
            ready: Vec::new(),
            reached: None,
            writing: None,
            carried: Mark { position: Position::START, event_hash: None },
        }
    }

    /// The name of its checkpoint in Postgres: another name is another mirror.
    #[must_use]
    pub fn follower_of(config: &MirrorConfig) -> String {
        format!("mirror-{}", config.name)
    }

    async fn begin(&mut self, checkpoint: Mark) -> Result<Option<Mark>, MirrorError> {
        // What the tenure before has under way is fenced off with it.
        (self.open, self.writing) = (None, None);
        self.ready.clear();
        self.source = format!("urn:uuid:{}", self.ledger.installation().await?);
        let (client, names) = (self.client.clone(), self.names.clone());
        let (id, stop) = (self.follower.clone(), self.stop.clone());
        let (reached, partitions) = (checkpoint.position, self.config.partitions);
        let (outlet, found) = blocking(move || {
            // Whoever wrote before is fenced off first: what is read then stays true.
            let outlet = Outlet::open(&client, &id, &stop)?;
            Ok((outlet, Topics::connect(&client, &names)?.verify(partitions, reached)?))
        })
        .await?;
        if let Some(known) = &found.known
            && self.ledger.event_hash(known.position).await? != Some(known.hash)
        {
            (self.hear_ahead)(known.position);
        }
        topics::make(&self.client, &self.names, &found.missing, partitions).await?;
        let mark = found.known.as_ref().map(Checkpoint::mark);
        let ends = found.known.map(|known| known.ends).unwrap_or_default();
        self.open = Some(Open { outlet, ends });
        self.carried = mark.unwrap_or(checkpoint);
        Ok(mark)
    }

    /// Makes events ready and begins a transaction of what is, unless one is under way. Few events are waited for.
    async fn write(&mut self, rows: &[&LogRow]) -> Result<(), MirrorError> {
        for row in rows {
            let record = self.record(row)?;
            self.ready.push(record);
        }
        if let Some(last) = rows.last() {
            self.reached = Some((last.position, LogIdentity::hash(last)));
        }
        let has_ended = self.writing.as_ref().is_some_and(|writing| writing.ended.is_finished());
        if has_ended || rows.len() < MANY || self.ready.len() >= FULL {
            self.settle().await?;
        }
        if self.writing.is_none() && !self.ready.is_empty() {
            self.send()?;
        }
        if rows.len() < MANY {
            self.settle().await?;
        }
        Ok(())
    }

    /// Begins a transaction of all that is ready.
    fn send(&mut self) -> Result<(), MirrorError> {
        let (Some(open), Some((position, hash))) = (self.open.take(), self.reached) else {
            return Err(MirrorError::CalledOff);
        };
        let Open { outlet, mut ends } = open;
        let records = std::mem::take(&mut self.ready);
        let topic = self.names.checkpoint();
        let count = usize::try_from(self.config.partitions).unwrap_or_default();
        let ended = spawn_blocking(move || {
            outlet.write(records, |written| {
                extend(&mut ends, written, count);
                let ends = ends.clone();
                let written_at = Timestamp::default();
                let checkpoint = Checkpoint { position, hash, ends, written_at };
                Record::checkpoint(topic, checkpoint::KEY.to_owned(), &checkpoint)
            })?;
            Ok(Open { outlet, ends })
        });
        self.writing = Some(Writing { through: Mark { position, event_hash: Some(hash) }, ended });
        Ok(())
    }

    /// Waits until no transaction is under way.
    async fn settle(&mut self) -> Result<(), MirrorError> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let (through, ended) = (writing.through, (&mut writing.ended).await);
        self.writing = None;
        self.open = Some(ended.unwrap_or(Err(MirrorError::CalledOff))?);
        self.carried = through;
        Ok(())
    }

    fn record(&self, row: &LogRow) -> Result<Record, MirrorError> {
        let kind = &row.aggregate_type;
        if AggregateType::from_str(kind).is_err() {
            return Err(MirrorError::UnknownKind { position: row.position, kind: kind.clone() });
        }
        Ok(Record::of(row, self.names.events(kind), &self.source)?)
    }
}

/// Adds where records came to.
fn extend(ends: &mut BTreeMap<String, Vec<i64>>, written: Ends, partitions: usize) {
    for (topic, written) in written {
        let of_topic = ends.entry(topic).or_insert_with(|| vec![0; partitions]);
        for (partition, end) in written {
            let at = usize::try_from(partition).ok();
            if let Some(known) = at.and_then(|at| of_topic.get_mut(at)) {
                *known = end;
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MirrorError> + Send + 'static,
) -> Result<T, MirrorError> {
    spawn_blocking(work).await.unwrap_or(Err(MirrorError::CalledOff))
}

#[async_trait]
impl Follower for Mirror {
    fn name(&self) -> &str {
        &self.follower
    }

    fn follows(&self) -> &[AggregateType] {
        &AggregateType::ALL
    }

    fn takes_stored(&self) -> bool {
        true
    }

    fn looks_into(&self) -> bool {
        false
    }

    fn schema(&self) -> &'static str {
        "public"
    }

    async fn resume(&mut self, checkpoint: Mark) -> Result<Option<Mark>, FollowerError> {
        self.begin(checkpoint).await.map_err(FollowerError::again)
    }

    fn carried(&self) -> Option<Mark> {
        self.writing.as_ref().map(|_| self.carried)
    }

    async fn carry(&mut self, rows: &[&LogRow]) -> Result<(), FollowerError> {
        self.write(rows).await.map_err(FollowerError::again)
    }
}
