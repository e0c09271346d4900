//! The producer of one tenure. Its calls block, so it lives on a thread that may.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use schema::Attribute;
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
/// Between looks at what they have taken. `flush` would sleep 100 ms each time.
const POLL: Duration = Duration::from_millis(1);

/// What is written: an event, or the checkpoint behind it.
pub(super) struct Record {
    pub topic: String,
    pub key: String,
    pub attributes: Vec<Attribute>,
    pub payload: String,
}

impl Record {
    fn headers(&self) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(self.attributes.len());
        self.attributes.iter().fold(headers, |headers, (name, value)| {
            // CloudEvents' Kafka binding: the payload's type alone is spelled as elsewhere in Kafka.
            let key = match name.as_ref() {
                "datacontenttype" => "content-type".to_owned(),
                name => format!("ce_{name}"),
            };
            headers.insert(Header { key: &key, value: Some(value) })
        })
    }
}

/// By topic and partition, the offset behind the last record written there.
pub(super) type Ends = BTreeMap<(String, i32), i64>;

/// What became of records.
#[derive(Default)]
pub(super) struct Reports(Mutex<Reported>);

#[derive(Default)]
struct Reported {
    ends: Ends,
    failed: Option<KafkaError>,
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
            Ok(record) => {
                let place = (record.topic().to_owned(), record.partition());
                let end = reported.ends.entry(place).or_default();
                *end = (*end).max(record.offset() + 1);
            }
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
        records: &[Record],
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
        let mut aborted = self.producer.abort_transaction(POLL);
        while (aborted.is_err() || self.producer.in_flight_count() > 0) && Instant::now() < until {
            self.producer.poll(POLL);
            if aborted.is_err() {
                aborted = self.producer.abort_transaction(POLL);
            }
        }
        if let Err(error) = aborted {
            tracing::debug!(%error, "a transaction of the mirror ends by its time limit");
        }
    }

    fn write_open(
        &self,
        records: &[Record],
        seal: impl FnOnce(Ends) -> Result<Record, MirrorError>,
    ) -> Result<(), MirrorError> {
        for record in records {
            self.send(record)?;
        }
        self.drain()?;
        let ends = std::mem::take(&mut self.producer.context().lock().ends);
        self.send(&seal(ends)?)?;
        self.drain()?;
        Ok(self.producer.commit_transaction(DECIDE_WITHIN)?)
    }

    fn send(&self, record: &Record) -> Result<(), MirrorError> {
        let until = Instant::now() + TAKE_WITHIN;
        let mut told = BaseRecord::to(&record.topic)
            .key(&record.key)
            .payload(&record.payload)
            .headers(record.headers());
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

    fn wait(&self, until: Instant) -> Result<(), MirrorError> {
        self.producer.poll(POLL);
        if self.stop.is_cancelled() {
            return Err(MirrorError::CalledOff);
        }
        if Instant::now() >= until {
            return Err(MirrorError::TooSlow { seconds: TAKE_WITHIN.as_secs() });
        }
        Ok(())
    }
}
