use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use schema::{Position, Sha256, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::MirrorError;
use super::hearing::Reader;
use crate::Mark;

/// The key of the mirror's own record on the topic of checkpoints.
pub(super) const KEY: &str = "mirror";
/// How far from the topic's end the newest record is looked for first: compaction leaves few behind.
const NEAR_END: i64 = 1_000;
/// How long reading may take.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// How long one question to the brokers may take.
pub(super) const ASK_WITHIN: Duration = Duration::from_secs(10);

/// How far the mirror is. Part of each of its transactions, so it is true exactly when their events are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The last event mirrored.
    pub position: Position,
    /// Its hash.
    pub hash: Sha256,
    /// By topic, for each partition the offset behind the last event written there.
    pub ends: BTreeMap<String, Vec<i64>>,
    /// When it was written, as Kafka has it.
    #[serde(skip)]
    pub written_at: Timestamp,
}

impl Checkpoint {
    pub(super) fn mark(&self) -> Mark {
        Mark { position: self.position, event_hash: Some(self.hash) }
    }
}

/// A record's value, and when it was written.
type Written = (Vec<u8>, Timestamp);

/// The newest checkpoint that was committed, if there is one. Blocks.
pub(super) fn read(consumer: &Reader, topic: &str) -> Result<Option<Checkpoint>, MirrorError> {
    let newest = read_keyed::<Checkpoint>(consumer, topic, KEY)?;
    Ok(newest.map(|(known, written_at)| Checkpoint { written_at, ..known }))
}

/// The newest record under a key, and when it was written. Blocks.
pub(super) fn read_keyed<T: DeserializeOwned>(
    consumer: &Reader,
    topic: &str,
    key: &str,
) -> Result<Option<(T, Timestamp)>, MirrorError> {
    let (low, high) = consumer.fetch_watermarks(topic, 0, ASK_WITHIN)?;
    let near = low.max(high - NEAR_END);
    let mut newest = newest_from(consumer, topic, key, near)?;
    if newest.is_none() && near > low {
        newest = newest_from(consumer, topic, key, low)?;
    }
    let parse = |(bytes, written_at): (Vec<u8>, Timestamp)| {
        let known = serde_json::from_slice(&bytes)
            .map_err(|source| MirrorError::CheckpointDamaged { topic: topic.to_owned(), source })?;
        Ok((known, written_at))
    };
    newest.map(parse).transpose()
}

/// A client that sees what was committed, and is told where that ends.
pub(super) fn reader(client: &ClientConfig) -> ClientConfig {
    let mut reader = client.clone();
    reader
        .set("group.id", "waybill-mirror")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        // A broker answers a client's questions one after the other: those behind a look at an end that has nothing new
        // wait as long as it does.
        .set("fetch.wait.max.ms", "20")
        .set("auto.offset.reset", "earliest");
    reader
}

fn newest_from(
    consumer: &Reader,
    topic: &str,
    key: &str,
    from: i64,
) -> Result<Option<Written>, MirrorError> {
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Offset(from))?;
    consumer.assign(&place)?;
    let newest = newest_assigned(consumer, key);
    consumer.unassign()?;
    newest
}

fn newest_assigned(consumer: &Reader, key: &str) -> Result<Option<Written>, MirrorError> {
    let until = Instant::now() + READ_WITHIN;
    let mut newest = None;
    while Instant::now() < until {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) if record.key() == Some(key.as_bytes()) => {
                let millis = record.timestamp().to_millis().unwrap_or_default();
                let at = Timestamp::from_unix_micros(millis.saturating_mul(1_000));
                newest = record.payload().map(|payload| (payload.to_vec(), at));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(newest),
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(_)) | None => {}
        }
    }
    Err(MirrorError::TooSlow { seconds: READ_WITHIN.as_secs() })
}
