//! What was committed to the mirror's topics, as a consumer sees it: its own client, no group, nothing written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use schema::{Invalid, Sha256, ToldEvent};
use store::LogIdentity;

use super::checkpoint::{self, ASK_WITHIN};
use super::difference::Place;
use super::error::MirrorError;
use super::hearing::{Hearing, Reader};

/// How long nothing may come before the end.
const COME_WITHIN: Duration = Duration::from_secs(20);

/// A record of a topic.
pub(super) struct Read<'r> {
    pub partition: usize,
    pub offset: i64,
    /// What it tells, with its payload; or why it is none of the mirror's.
    pub told: Result<(ToldEvent, &'r str), Invalid>,
}

impl Read<'_> {
    pub(super) fn place(&self, topic: &str) -> Place {
        Place { topic: topic.to_owned(), partition: self.partition, offset: self.offset }
    }

    /// The hash of its event, as the ledger has it.
    pub(super) fn hash(event: &ToldEvent, payload: &str) -> Sha256 {
        LogIdentity::hash_of(&event.stored(), payload)
    }
}

/// A client that reads topics one after the other.
pub(super) struct Reading {
    consumer: Reader,
}

impl Reading {
    pub(super) fn connect(client: &ClientConfig) -> Result<Self, MirrorError> {
        let mut client = checkpoint::reader(client);
        // A whole topic is read: large portions, and not much of it in memory.
        client.set("queued.max.messages.kbytes", "16384");
        Ok(Self { consumer: client.create_with_context(Hearing)? })
    }

    /// Reads a topic from its beginning to where it ends now, which must not be before `ends`; gives the offset each
    /// partition begins at. Blocks.
    pub(super) fn topic(
        &self,
        topic: &str,
        ends: &[i64],
        each: &mut dyn FnMut(Read<'_>) -> Result<(), MirrorError>,
    ) -> Result<Vec<i64>, MirrorError> {
        let mut begins = Vec::with_capacity(ends.len());
        let mut places = TopicPartitionList::new();
        for partition in 0..i32::try_from(ends.len()).unwrap_or_default() {
            let (low, _) = self.consumer.fetch_watermarks(topic, partition, ASK_WITHIN)?;
            places.add_partition_offset(topic, partition, Offset::Offset(low))?;
            begins.push(low);
        }
        self.consumer.assign(&places)?;
        let read = self.assigned(topic, begins.clone(), ends, each);
        self.consumer.unassign()?;
        read.map(|()| begins)
    }

    fn assigned(
        &self,
        topic: &str,
        mut reached: Vec<i64>,
        ends: &[i64],
        each: &mut dyn FnMut(Read<'_>) -> Result<(), MirrorError>,
    ) -> Result<(), MirrorError> {
        let mut at_end = vec![false; ends.len()];
        let mut heard = Instant::now();
        let is_read = |at_end: &[bool], reached: &[i64]| {
            let mut all = at_end.iter().zip(reached).zip(ends);
            all.all(|((at_end, reached), end)| *at_end && reached >= end)
        };
        while !is_read(&at_end, &reached) {
            let partition = match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => {
                    let partition = usize::try_from(record.partition()).unwrap_or_default();
                    if let Some(reached) = reached.get_mut(partition) {
                        *reached = record.offset() + 1;
                    }
                    let offset = record.offset();
                    each(Read { partition, offset, told: told(&record) })?;
                    None
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => Some(partition),
                Some(Err(error)) => return Err(error.into()),
                None if heard.elapsed() < COME_WITHIN => continue,
                None => return Err(self.cut_short(topic, &reached, ends)),
            };
            heard = Instant::now();
            let partition = partition.and_then(|partition| usize::try_from(partition).ok());
            if let Some(at_end) = partition.and_then(|partition| at_end.get_mut(partition)) {
                *at_end = true;
            }
        }
        Ok(())
    }

    fn cut_short(&self, topic: &str, reached: &[i64], ends: &[i64]) -> MirrorError {
        let short = (0_i32..).zip(reached.iter().zip(ends)).find(|(_, (found, end))| found < end);
        match short {
            Some((partition, (found, known))) => MirrorError::EndLost {
                topic: topic.to_owned(),
                partition,
                found: *found,
                known: *known,
            },
            None => MirrorError::TooSlow { seconds: COME_WITHIN.as_secs() },
        }
    }
}

/// Reads a record back into what was told.
fn told<'r>(record: &'r BorrowedMessage<'_>) -> Result<(ToldEvent, &'r str), Invalid> {
    let text = |bytes: &'r [u8]| {
        std::str::from_utf8(bytes).map_err(|_| Invalid::new("record", "bytes", "must be UTF-8"))
    };
    let mut attributes = BTreeMap::new();
    for header in record.headers().into_iter().flat_map(Headers::iter) {
        let name = match header.key {
            "content-type" => "datacontenttype",
            key => key.strip_prefix("ce_").unwrap_or(key),
        };
        let value = text(header.value.unwrap_or_default())?;
        attributes.insert(name.to_owned(), value.to_owned());
    }
    let event = ToldEvent::read(attributes)?;
    let key = text(record.key().unwrap_or_default())?;
    if key != event.aggregate_id {
        return Err(Invalid::new("key", key, "must be the stream's id"));
    }
    let payload = record.payload().ok_or_else(|| Invalid::new("value", "", "must be there"))?;
    Ok((event, text(payload)?))
}
