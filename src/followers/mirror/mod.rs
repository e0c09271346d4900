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
use std::sync::{Arc, mpsc};

use async_trait::async_trait;
use rdkafka::ClientConfig;
use schema::{AggregateType, Position, Timestamp};
use store::{Ledger, LogIdentity, LogRow};
use tokio::task::spawn_blocking;
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

/// Records made before the first of them are sent.
const PORTION: usize = 250;

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
    open: Option<Open>,
}

/// What a tenure writes with.
struct Open {
    outlet: Outlet,
    /// As CloudEvents' `source`.
    source: String,
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
        Self { ledger, config, client, follower, names, stop, hear_ahead, open: None }
    }

    /// The name of its checkpoint in Postgres: another name is another mirror.
    #[must_use]
    pub fn follower_of(config: &MirrorConfig) -> String {
        format!("mirror-{}", config.name)
    }

    async fn begin(&mut self, checkpoint: Mark) -> Result<Option<Mark>, MirrorError> {
        self.open = None;
        let source = format!("urn:uuid:{}", self.ledger.installation().await?);
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
        self.open = Some(Open { outlet, source, ends });
        Ok(mark)
    }

    async fn write(&mut self, rows: &[&LogRow]) -> Result<(), MirrorError> {
        let (Some(last), Some(open)) = (rows.last(), self.open.take()) else {
            return if rows.is_empty() { Ok(()) } else { Err(MirrorError::CalledOff) };
        };
        let (position, hash) = (last.position, LogIdentity::hash(last));
        let topic = self.names.checkpoint();
        let count = usize::try_from(self.config.partitions).unwrap_or_default();
        let (made, records) = mpsc::channel();
        let source = open.source.clone();
        let portions = rows.chunks(PORTION);
        let expected = portions.len();
        let writing = spawn_blocking(move || {
            let Open { outlet, source, mut ends } = open;
            let next = |_| records.recv().unwrap_or(Err(MirrorError::CalledOff));
            outlet.write((0..expected).map(next), |written| {
                extend(&mut ends, written, count);
                let ends = ends.clone();
                let written_at = Timestamp::default();
                let checkpoint = Checkpoint { position, hash, ends, written_at };
                let payload = serde_json::to_string(&checkpoint).map_err(|source| {
                    MirrorError::CheckpointDamaged { topic: topic.clone(), source }
                })?;
                let key = checkpoint::KEY.to_owned();
                Ok(Record { topic, key, attributes: Vec::new(), payload })
            })?;
            Ok(Open { outlet, source, ends })
        });
        // The first are on their way while the next are made.
        for portion in portions {
            let records = portion.iter().map(|row| self.record(row, &source));
            drop(made.send(records.collect()));
        }
        drop(made);
        self.open = Some(writing.await.unwrap_or(Err(MirrorError::CalledOff))?);
        Ok(())
    }

    fn record(&self, row: &LogRow, source: &str) -> Result<Record, MirrorError> {
        let kind = row.aggregate_type.clone();
        if AggregateType::from_str(&kind).is_err() {
            return Err(MirrorError::UnknownKind { position: row.position, kind });
        }
        record(row, self.names.events(&kind), source)
    }
}

/// An event as it is told on a topic.
fn record(row: &LogRow, topic: String, source: &str) -> Result<Record, MirrorError> {
    let attributes = row.stored().attributes(source)?;
    Ok(Record { topic, key: row.aggregate_id.clone(), attributes, payload: row.payload.clone() })
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

    async fn carry(&mut self, rows: &[&LogRow]) -> Result<(), FollowerError> {
        self.write(rows).await.map_err(FollowerError::again)
    }
}
