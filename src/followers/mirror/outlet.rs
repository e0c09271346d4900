//! The producer of one tenure. Its calls block, so it lives on a thread that may.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use serde::Serialize;
use store::{LogRow, StoreError};
use tokio_util::sync::CancellationToken;

use super::error::MirrorError;

/// How long the brokers may take to begin, end or give up a transaction.
const DECIDE_WITHIN: Duration = Duration::from_secs(10);
/// Between looks at whether the beginning was called off.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long for giving one up, when we are to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// How long they may take for the events of one.
const TAKE_WITHIN: Duration = Duration::from_secs(20);
/// How long one request to give up may take: while it lasts, nobody hears what became of records.
const ASK_FOR: Duration = Duration::from_millis(1);
/// Between looks at what they have taken. `flush` would sleep 100 ms each time, and `poll` turns idly for the last
/// millisecond of its timeout.
const LOOK_AGAIN: Duration = Duration::from_micros(300);

/// Room for the headers of an event.
const HEADERS: usize = 16;

/// What is written: an event, or the checkpoint behind it.
pub(super) struct Record {
    pub topic: String,
    pub key: String,
    pub headers: OwnedHeaders,
    pub payload: String,
}

impl Record {
    /// An event as it is told on a topic.
    pub(super) fn of(row: &LogRow, topic: String, source: &str) -> Result<Self, StoreError> {
        let mut headers = Some(OwnedHeaders::new_with_capacity(HEADERS));
        row.stored().tell(source, |name, value| {
            let header = Header { key: &header_of(name), value: Some(value) };
            headers = headers.take().map(|headers| headers.insert(header));
        })?;
        let headers = headers.unwrap_or_default();
        Ok(Self { topic, key: row.aggregate_id.clone(), headers, payload: row.payload.clone() })
    }

    /// What is known behind a transaction's events, under its key.
    pub(super) fn checkpoint(
        topic: String,
        key: String,
        known: &impl Serialize,
    ) -> Result<Self, MirrorError> {
        match serde_json::to_string(known) {
            Ok(payload) => Ok(Self { topic, key, headers: OwnedHeaders::new(), payload }),
            Err(source) => Err(MirrorError::CheckpointDamaged { topic, source }),
        }
    }
}

/// CloudEvents' Kafka binding: the payload's type alone is spelled as elsewhere in Kafka.
fn header_of(attribute: &str) -> Cow<'static, str> {
    Cow::Borrowed(match attribute {
        "specversion" => "ce_specversion",
        "id" => "ce_id",
        "source" => "ce_source",
        "type" => "ce_type",
        "subject" => "ce_subject",
        "time" => "ce_time",
        "datacontenttype" => "content-type",
        "dataschema" => "ce_dataschema",
        "position" => "ce_position",
        "sequence" => "ce_sequence",
        "tenant" => "ce_tenant",
        "actor" => "ce_actor",
        "command" => "ce_command",
        other => return Cow::Owned(format!("ce_{other}")),
    })
}

/// By topic and partition, the offset behind the last record written there.
pub(super) type Ends = BTreeMap<String, BTreeMap<i32, i64>>;

/// What became of records.
#[derive(Default)]
pub(super) struct Reports(Mutex<Reported>);

#[derive(Default)]
struct Reported {
    ends: Ends,
    failed: Option<KafkaError>,
}

impl Reported {
    fn came_to(&mut self, topic: &str, partition: i32, end: i64) {
        let known = self.ends.get_mut(topic);
        let ends = match known {
            Some(ends) => ends,
            None => self.ends.entry(topic.to_owned()).or_default(),
        };
        let known = ends.entry(partition).or_default();
        *known = end.max(*known);
    }
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, Reported> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client of the mirror");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut reported = self.lock();
        match result {
            Ok(record) => reported.came_to(record.topic(), record.partition(), record.offset() + 1),
            Err((error, _)) => {
                reported.failed.get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// A transactional producer that has fenced off those before it.
pub(super) struct Outlet {
    producer: BaseProducer<Reports>,
    stop: CancellationToken,
}

impl Outlet {
    /// Fences off whoever wrote under this id before; what it had not committed is given up.
    pub(super) fn open(
        client: &ClientConfig,
        id: &str,
        stop: &CancellationToken,
    ) -> Result<Self, MirrorError> {
        let mut client = client.clone();
        client
            .set("transactional.id", id)
            .set("transaction.timeout.ms", "30000")
            .set("message.timeout.ms", "15000")
            .set("compression.type", "zstd")
            .set("linger.ms", "1")
            // A transaction is many small requests: none waits until the one before is acknowledged.
            .set("socket.nagle.disable", "true")
            .set("queue.buffering.max.messages", "100000")
            // What Kafka's own clients do, so that others find a stream where they look for it.
            .set("partitioner", "murmur2_random");
        let producer: BaseProducer<Reports> = client.create_with_context(Reports::default())?;
        let until = Instant::now() + DECIDE_WITHIN;
        // Asked again, it goes on with what it had begun.
        while let Err(error) = producer.init_transactions(LOOK_EVERY) {
            if stop.is_cancelled() {
                return Err(MirrorError::CalledOff);
            }
            // Late, or what was open under this id is not yet given up.
            let passes = matches!(&error, KafkaError::Transaction(said) if said.is_retriable());
            if !passes || Instant::now() >= until {
                return Err(error.into());
            }
        }
        Ok(Self { producer, stop: stop.clone() })
    }

    /// Writes records, and behind them what `seal` makes of the places they came to: all of it is seen, or nothing.
    pub(super) fn write(
        &self,
        records: Vec<Record>,
        seal: impl FnOnce(Ends) -> Result<Record, MirrorError>,
    ) -> Result<(), MirrorError> {
        *self.producer.context().lock() = Reported::default();
        self.producer.begin_transaction()?;
        let written = self.write_open(records, seal);
        if written.is_err() {
            self.give_up();
        }
        written
    }

    /// Nothing of the transaction is seen. What is still under way must have ended, or it would be counted in the next
    /// one; and the brokers are told nothing while nobody polls.
    fn give_up(&self) {
        let within = if self.stop.is_cancelled() { STOP_WITHIN } else { DECIDE_WITHIN };
        let until = Instant::now() + within;
        let mut aborted = self.producer.abort_transaction(ASK_FOR);
        while (aborted.is_err() || self.producer.in_flight_count() > 0) && Instant::now() < until {
            self.look();
            if aborted.is_err() {
                aborted = self.producer.abort_transaction(ASK_FOR);
            }
        }
        if let Err(error) = aborted {
            tracing::debug!(%error, "a transaction of the mirror ends by its time limit");
        }
    }

    fn write_open(
        &self,
        records: Vec<Record>,
        seal: impl FnOnce(Ends) -> Result<Record, MirrorError>,
    ) -> Result<(), MirrorError> {
        records.into_iter().try_for_each(|record| self.send(record))?;
        self.drain()?;
        let ends = std::mem::take(&mut self.producer.context().lock().ends);
        self.send(seal(ends)?)?;
        self.drain()?;
        Ok(self.producer.commit_transaction(DECIDE_WITHIN)?)
    }

    fn send(&self, record: Record) -> Result<(), MirrorError> {
        let until = Instant::now() + TAKE_WITHIN;
        let Record { topic, key, headers, payload } = record;
        let mut told = BaseRecord::to(&topic).key(&key).payload(&payload).headers(headers);
        while let Err((error, back)) = self.producer.send(told) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            self.wait(until)?;
            told = back;
        }
        Ok(())
    }

    /// Waits until the brokers have taken all that was sent.
    fn drain(&self) -> Result<(), MirrorError> {
        let until = Instant::now() + TAKE_WITHIN;
        while self.producer.in_flight_count() > 0 {
            self.wait(until)?;
        }
        match self.producer.context().lock().failed.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Hears what the brokers have taken by now, and gives them a moment for more.
    fn look(&self) {
        self.producer.poll(Duration::ZERO);
        if self.producer.in_flight_count() > 0 {
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn wait(&self, until: Instant) -> Result<(), MirrorError> {
        self.look();
        if self.stop.is_cancelled() {
            return Err(MirrorError::CalledOff);
        }
        if Instant::now() >= until {
            return Err(MirrorError::TooSlow { seconds: TAKE_WITHIN.as_secs() });
        }
        Ok(())
    }
}
