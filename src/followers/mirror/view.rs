//! The mirror from outside: how it stands, asked with a client of its own.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use rdkafka::ClientConfig;
use schema::{Position, Sha256, Timestamp};
use serde::Serialize;
use store::Ledger;

use super::checkpoint::Checkpoint;
use super::error::MirrorError;
use super::topics::{Names, Topics};
use super::{MirrorConfig, blocking};

/// What is asked of the mirror's topics.
pub struct MirrorView {
    pub(super) ledger: Arc<Ledger>,
    pub(super) client: ClientConfig,
    pub(super) names: Names,
}

/// How the mirror stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorStatus {
    /// What its topics are called by.
    pub name: String,
    /// How far it is; absent when nothing was mirrored yet.
    pub checkpoint: Option<MirrorMark>,
    /// The ledger's last event.
    pub head: Position,
    /// Events of the ledger behind the checkpoint.
    pub lag: u64,
    /// Its topics.
    pub topics: Vec<MirrorTopic>,
}

/// The mirror's own checkpoint, as it stands on Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorMark {
    /// The last event mirrored.
    pub position: Position,
    /// Its hash.
    pub hash: Sha256,
    /// When it was written.
    pub written_at: Timestamp,
    /// Whether this ledger holds that event.
    pub is_in_ledger: bool,
}

/// A topic of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorTopic {
    /// Its name.
    pub topic: String,
    /// Its partitions; none when there is no such topic.
    pub partitions: Vec<MirrorPartition>,
}

/// A partition of such a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorPartition {
    /// The offset it begins at: above 0 once retention has taken some of it.
    pub begin: i64,
    /// The offset it ends at.
    pub end: i64,
    /// The offset behind the last event that the checkpoint knows of.
    pub written: i64,
}

impl MirrorView {
    /// Of the mirror of `ledger` at the brokers that `client` names.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>, config: &MirrorConfig, client: ClientConfig) -> Self {
        Self { ledger: Arc::clone(ledger), client, names: Names::of(config) }
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`MirrorError`] when Kafka or the ledger is away.
    pub async fn status(&self) -> Result<MirrorStatus, MirrorError> {
        let (client, names) = (self.client.clone(), self.names.clone());
        let (known, topics) = blocking(move || {
            let asked = Topics::connect(&client, &names)?;
            let known = asked.checkpoint()?.flatten();
            let topics = asked.describe(known.as_ref())?;
            Ok((known, topics))
        })
        .await?;
        let head = self.ledger.head().await?;
        let after = known.as_ref().map_or(Position::START, |known| known.position);
        let lag = self.ledger.count_between(after, head).await?;
        let checkpoint = match known {
            None => None,
            Some(known) => Some(MirrorMark {
                position: known.position,
                hash: known.hash,
                written_at: known.written_at,
                is_in_ledger: self.ledger.event_hash(known.position).await? == Some(known.hash),
            }),
        };
        Ok(MirrorStatus { name: self.names.to_string(), checkpoint, head, lag, topics })
    }

    /// The mirror's last event, when it is none of the ledger's. Its other topics do not matter here.
    ///
    /// # Errors
    /// [`MirrorError`] when Kafka or the ledger is away.
    pub async fn ahead(&self) -> Result<Option<Position>, MirrorError> {
        let (client, names) = (self.client.clone(), self.names.clone());
        let known = blocking(move || Topics::connect(&client, &names)?.checkpoint()).await?;
        let Some(known) = known.flatten() else { return Ok(None) };
        let found = self.ledger.event_hash(known.position).await?;
        Ok((found != Some(known.hash)).then_some(known.position))
    }

    /// The mirror's checkpoint, with each of its topics, which must be as they were.
    pub(super) async fn known(&self) -> Result<Checkpoint, MirrorError> {
        let (client, names) = (self.client.clone(), self.names.clone());
        blocking(move || {
            let asked = Topics::connect(&client, &names)?;
            let Some(mut known) = asked.checkpoint()?.flatten() else {
                return Err(MirrorError::NothingMirrored { topic: names.checkpoint() });
            };
            for topic in names.all_events() {
                match (asked.partitions(&topic)?, known.ends.entry(topic)) {
                    (None, Entry::Vacant(_)) => {}
                    (None, Entry::Occupied(gone)) => {
                        return Err(MirrorError::TopicGone { topic: gone.key().clone() });
                    }
                    // Where nothing was written nothing may be.
                    (Some(count), Entry::Vacant(unwritten)) => {
                        unwritten.insert(vec![0; count]);
                    }
                    (Some(found), Entry::Occupied(written)) if written.get().len() != found => {
                        let wanted = i32::try_from(written.get().len()).unwrap_or(i32::MAX);
                        let topic = written.key().clone();
                        return Err(MirrorError::OtherPartitions { topic, found, wanted });
                    }
                    (Some(_), Entry::Occupied(_)) => {}
                }
            }
            Ok(known)
        })
        .await
    }

    /// As CloudEvents' `source`.
    pub(super) async fn source(&self) -> Result<String, MirrorError> {
        Ok(format!("urn:uuid:{}", self.ledger.installation().await?))
    }
}
