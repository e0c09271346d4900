use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use schema::{AggregateType, Position};
use serde::de::DeserializeOwned;

use super::MirrorConfig;
use super::checkpoint::{self, ASK_WITHIN, Checkpoint};
use super::error::MirrorError;
use super::hearing::{Hearing, Reader};
use super::view::{MirrorPartition, MirrorTopic};

/// As many replicas as the brokers make by default.
const DEFAULT_REPLICATION: i32 = -1;
/// Small segments, cleaned often: whoever looks for the newest checkpoint reads little.
const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "4194304"),
    ("segment.ms", "600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// What the mirror's topics are called.
#[derive(Clone, Debug)]
pub(super) struct Names(String);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Names {
    /// Whether a topic is one of the mirror's own.
    pub(super) fn has(&self, topic: &str) -> bool {
        topic == self.checkpoint() || self.all_events().any(|own| own == topic)
    }

    pub(super) fn of(config: &MirrorConfig) -> Self {
        Self(config.name.clone())
    }

    pub(super) fn events(&self, kind: &str) -> String {
        format!("{}.{kind}", self.0)
    }

    pub(super) fn checkpoint(&self) -> String {
        format!("{}.checkpoint", self.0)
    }

    pub(super) fn all_events(&self) -> impl Iterator<Item = String> + '_ {
        AggregateType::ALL.iter().map(|kind| self.events(kind.as_str()))
    }
}

/// The mirror's topics as the brokers have them. Its questions block.
pub(super) struct Topics<'t> {
    names: &'t Names,
    consumer: Reader,
}

/// What the mirror goes on from.
pub(super) struct Found {
    /// The newest checkpoint on Kafka; absent when nothing was ever mirrored.
    pub known: Option<Checkpoint>,
    /// Topics that are to be made.
    pub missing: Vec<String>,
}

impl<'t> Topics<'t> {
    pub(super) fn connect(client: &ClientConfig, names: &'t Names) -> Result<Self, MirrorError> {
        Ok(Self { names, consumer: checkpoint::reader(client).create_with_context(Hearing)? })
    }

    /// Refuses topics that are not as the mirror left them, and a checkpoint that is older than what Postgres knows.
    pub(super) fn verify(self, partitions: i32, reached: Position) -> Result<Found, MirrorError> {
        let topic = self.names.checkpoint();
        let found = self.checkpoint()?;
        let mut missing: Vec<_> = found.is_none().then(|| topic.clone()).into_iter().collect();
        let known = found.flatten();
        match &known {
            None if reached > Position::START => {
                return Err(MirrorError::CheckpointLost { topic, known: reached });
            }
            Some(Checkpoint { position: found, .. }) if *found < reached => {
                return Err(MirrorError::CheckpointOld { topic, found: *found, known: reached });
            }
            _ => {}
        }
        for topic in self.names.all_events() {
            let ends = known.as_ref().and_then(|known| known.ends.get(&topic));
            match (self.partitions(&topic)?, ends) {
                (None, Some(_)) => return Err(MirrorError::TopicGone { topic }),
                (None, None) => missing.push(topic),
                (Some(found), _) if usize::try_from(partitions) != Ok(found) => {
                    return Err(MirrorError::OtherPartitions { topic, found, wanted: partitions });
                }
                (Some(_), Some(ends)) => self.verify_ends(&topic, ends)?,
                (Some(_), None) => {}
            }
        }
        Ok(Found { known, missing })
    }

    /// The newest checkpoint, if there is one; nothing at all when its topic is not there.
    pub(super) fn checkpoint(&self) -> Result<Option<Option<Checkpoint>>, MirrorError> {
        let topic = self.names.checkpoint();
        match self.partitions(&topic)? {
            Some(_) => Ok(Some(checkpoint::read(&self.consumer, &topic)?)),
            None => Ok(None),
        }
    }

    /// The newest checkpoint under a key of someone else's, if there is one.
    pub(super) fn keyed<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, MirrorError> {
        let topic = self.names.checkpoint();
        if self.partitions(&topic)?.is_none() {
            return Ok(None);
        }
        Ok(checkpoint::read_keyed(&self.consumer, &topic, key)?.map(|(known, _)| known))
    }

    /// Where each partition of a topic begins and ends.
    pub(super) fn bounds(&self, topic: &str, count: usize) -> Result<Vec<(i64, i64)>, MirrorError> {
        let bounds = (0..count).zip(0_i32..).map(|(_, partition)| {
            Ok(self.consumer.fetch_watermarks(topic, partition, ASK_WITHIN)?)
        });
        bounds.collect()
    }

    /// Every topic of events with its partitions.
    pub(super) fn describe(
        &self,
        known: Option<&Checkpoint>,
    ) -> Result<Vec<MirrorTopic>, MirrorError> {
        let mut described = Vec::new();
        for topic in self.names.all_events() {
            let count = self.partitions(&topic)?.unwrap_or_default();
            let written = known.and_then(|known| known.ends.get(&topic));
            let written = written.map(Vec::as_slice).unwrap_or_default();
            let bounds = self.bounds(&topic, count)?.into_iter().enumerate();
            let partitions = bounds.map(|(at, (begin, end))| {
                let written = written.get(at).copied().unwrap_or_default();
                MirrorPartition { begin, end, written }
            });
            let partitions = partitions.collect();
            described.push(MirrorTopic { topic, partitions });
        }
        Ok(described)
    }

    /// How many partitions a topic has; absent when there is no such topic.
    pub(super) fn partitions(&self, topic: &str) -> Result<Option<usize>, MirrorError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ASK_WITHIN)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(found.partitions().len())),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(None),
            Some(code) => Err(KafkaError::MetadataFetch(code).into()),
        }
    }

    pub(super) fn verify_ends(&self, topic: &str, ends: &[i64]) -> Result<(), MirrorError> {
        for (partition, known) in (0_i32..).zip(ends.iter().copied()) {
            let (_, found) = self.consumer.fetch_watermarks(topic, partition, ASK_WITHIN)?;
            if found < known {
                let topic = topic.to_owned();
                return Err(MirrorError::EndLost { topic, partition, found, known });
            }
        }
        Ok(())
    }
}

/// Makes those of the mirror's topics that are missing.
pub(super) async fn make(
    client: &ClientConfig,
    names: &Names,
    missing: &[String],
    partitions: i32,
) -> Result<(), MirrorError> {
    let checkpoint = names.checkpoint();
    let new = missing.iter().map(|topic| {
        let replicas = TopicReplication::Fixed(DEFAULT_REPLICATION);
        if *topic != checkpoint {
            return NewTopic::new(topic, partitions, replicas);
        }
        let topic = NewTopic::new(topic, 1, replicas);
        COMPACTED.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
    });
    create(client, new.collect()).await
}

async fn create(client: &ClientConfig, topics: Vec<NewTopic<'_>>) -> Result<(), MirrorError> {
    if topics.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<DefaultClientContext> = client.create()?;
    let options = AdminOptions::new().operation_timeout(Some(ASK_WITHIN));
    for made in admin.create_topics(&topics, &options).await? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code).into()),
        }
    }
    Ok(())
}
