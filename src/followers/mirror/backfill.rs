//! The log once more, on a topic of someone's own: for a consumer that comes when retention has taken what it needs.
//! Exactly once, as the mirror: each transaction carries its checkpoint, under a key of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rdkafka::ClientConfig;
use schema::{AggregateType, Position, Sha256};
use serde::{Deserialize, Serialize};
use store::{Ledger, LogIdentity, LogRow};
use tokio_util::sync::CancellationToken;

use super::error::MirrorError;
use super::outlet::{Outlet, Record};
use super::reading::{Read, Reading};
use super::topics::{self, Names, Topics};
use super::verify::Tell;
use super::{MirrorConfig, blocking, extend};

/// Positions carried in one transaction.
const PORTION: u32 = 2_000;

/// Which events go to a topic. The same as long as it is filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillOrder {
    /// Only those behind this position.
    pub after: Position,
    /// Only streams of these kinds.
    pub kinds: Vec<AggregateType>,
}

impl fmt::Display for BackfillOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        write!(f, "with {} after event {}", kinds.join(", "), self.after)
    }
}

/// What a backfill has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backfilled {
    /// The topic.
    pub topic: String,
    /// Where it went on from.
    pub after: Position,
    /// The last event there now.
    pub position: Position,
    /// Events written by this call.
    pub events: u64,
}

/// Fills a topic with events of the log.
pub struct Backfill {
    ledger: Arc<Ledger>,
    client: ClientConfig,
    names: Names,
    partitions: i32,
    topic: String,
    order: BackfillOrder,
}

/// How far a topic is filled.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    position: Position,
    hash: Option<Sha256>,
    ends: Vec<i64>,
    order: BackfillOrder,
}

/// What the topic is written with.
struct Open {
    outlet: Outlet,
    progress: Progress,
}

impl Backfill {
    /// Fills `topic` as ordered, at the brokers that `client` names, beside the mirror that `config` names.
    #[must_use]
    pub fn new(
        ledger: &Arc<Ledger>,
        config: &MirrorConfig,
        client: ClientConfig,
        topic: String,
        order: BackfillOrder,
    ) -> Self {
        let (names, partitions) = (Names::of(config), config.partitions);
        Self { ledger: Arc::clone(ledger), client, names, partitions, topic, order }
    }

    /// Goes on from where the topic is filled to, up to `through`, which the tail must have reached. Broken off, it
    /// can be called again.
    ///
    /// # Errors
    /// [`MirrorError`] when the topic may not be filled, is not as it was left, or Kafka or the ledger is away.
    pub async fn run(
        &self,
        through: Position,
        tell: Tell,
        stop: &CancellationToken,
    ) -> Result<Backfilled, MirrorError> {
        let source = format!("urn:uuid:{}", self.ledger.installation().await?);
        let mut open = self.open(stop).await?;
        self.same_log(&open.progress).await?;
        let after = open.progress.position;
        let (mut position, mut events) = (after, 0);
        while position < through && !stop.is_cancelled() {
            let kinds = Some(&self.order.kinds[..]);
            let rows = self.ledger.read(position, through, PORTION, kinds).await?;
            let Some(last) = rows.last() else { break };
            position = last.position;
            events += rows.len() as u64;
            open = self.write(open, &rows, &source).await?;
            tell(&self.topic, events);
        }
        if stop.is_cancelled() {
            return Err(MirrorError::CalledOff);
        }
        Ok(Backfilled { topic: self.topic.clone(), after, position, events })
    }

    /// Its key among the checkpoints, and its transactional id.
    fn name(&self) -> String {
        format!("backfill-{}-{}", self.names, self.topic)
    }

    async fn open(&self, stop: &CancellationToken) -> Result<Open, MirrorError> {
        let topic = self.topic.clone();
        if self.names.has(&topic) {
            return Err(MirrorError::OwnTopic { topic });
        }
        let (client, names, stop) = (self.client.clone(), self.names.clone(), stop.clone());
        let (name, order, partitions) = (self.name(), self.order.clone(), self.partitions);
        let (outlet, found, missing) = blocking(move || {
            // Whoever fills it at this moment is fenced off first.
            let outlet = Outlet::open(&client, &name, &stop)?;
            let asked = Topics::connect(&client, &names)?;
            let known: Option<Progress> = asked.keyed(&name)?;
            let count = asked.partitions(&topic)?;
            match (&known, count) {
                (Some(known), _) if known.order != order => {
                    let (begun, asked) = (known.order.to_string(), order.to_string());
                    return Err(MirrorError::OtherOrder { topic, begun, asked });
                }
                (Some(_), None) => return Err(MirrorError::TopicGone { topic }),
                (Some(known), Some(found)) if known.ends.len() != found => {
                    let wanted = i32::try_from(known.ends.len()).unwrap_or(i32::MAX);
                    return Err(MirrorError::OtherPartitions { topic, found, wanted });
                }
                (Some(known), Some(_)) => asked.verify_ends(&topic, &known.ends)?,
                (None, Some(count)) => {
                    // What was begun and given up is there, too, but not seen: only what was committed counts.
                    let occupied =
                        |_: Read<'_>| Err(MirrorError::NotEmpty { topic: topic.clone() });
                    Reading::connect(&client)?.topic(&topic, &vec![0; count], &mut { occupied })?;
                }
                (None, None) => {}
            }
            let mut missing: Vec<_> = count.is_none().then_some(topic).into_iter().collect();
            let checkpoint = names.checkpoint();
            if asked.partitions(&checkpoint)?.is_none() {
                missing.push(checkpoint);
            }
            let made = usize::try_from(partitions).unwrap_or_default();
            let ends = vec![0; count.unwrap_or(made)];
            let fresh = || Progress { position: order.after, hash: None, ends, order };
            Ok((outlet, known.unwrap_or_else(fresh), missing))
        })
        .await?;
        topics::make(&self.client, &self.names, &missing, self.partitions).await?;
        Ok(Open { outlet, progress: found })
    }

    /// Refuses a ledger that does not hold the last event that was written.
    async fn same_log(&self, progress: &Progress) -> Result<(), MirrorError> {
        let Progress { position, hash: Some(hash), .. } = progress else { return Ok(()) };
        if self.ledger.event_hash(*position).await? == Some(*hash) {
            return Ok(());
        }
        Err(MirrorError::OtherLedger { position: *position })
    }

    async fn write(&self, open: Open, rows: &[LogRow], source: &str) -> Result<Open, MirrorError> {
        let records = rows.iter().map(|row| Record::of(row, self.topic.clone(), source));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let last = rows.last().map(|row| (row.position, LogIdentity::hash(row)));
        let (key, checkpoint, topic) = (self.name(), self.names.checkpoint(), self.topic.clone());
        blocking(move || {
            let Open { outlet, mut progress } = open;
            let count = progress.ends.len();
            outlet.write(records, |written| {
                let mut ends =
                    BTreeMap::from([(topic.clone(), std::mem::take(&mut progress.ends))]);
                extend(&mut ends, written, count);
                progress.ends = ends.remove(&topic).unwrap_or_default();
                if let Some((position, hash)) = last {
                    (progress.position, progress.hash) = (position, Some(hash));
                }
                Record::checkpoint(checkpoint, key, &progress)
            })?;
            Ok(Open { outlet, progress })
        })
        .await
    }
}
