use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::client::{self, Watch};
use super::offsets::Offsets;
use super::work::{Answer, Answered, Claim, Incoming};
use super::{KafkaIntake, KafkaIntakeError};
use crate::figures;

/// When nothing could be begun for so long, the brokers are told to hold back, and the group is kept alive.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// How long the brokers may take to say which topics they have.
const WATCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between two such questions.
const WATCH_PAUSE: Duration = Duration::from_secs(2);

type Work<'w> = Pin<Box<dyn Future<Output = Answered> + Send + 'w>>;

/// The messages of one run.
struct Messages<'r> {
    kafka: &'r KafkaIntake,
    consumer: &'r StreamConsumer<Watch>,
    cancel: &'r CancellationToken,
    offsets: Offsets,
    under_way: FuturesUnordered<Work<'r>>,
    claimed: HashSet<Claim>,
    /// Read, but not begun: its version is being worked on, or all hands are full.
    waiting: VecDeque<Incoming>,
    is_paused: bool,
}

impl KafkaIntake {
    /// Reads and answers messages until `cancel`. Those being worked on then are finished, or left uncommitted when
    /// their answer would have to be waited for; every answer is committed when this returns.
    ///
    /// # Errors
    /// [`KafkaIntakeError::Client`] when the client library does not accept the configuration.
    pub async fn run(&self, cancel: CancellationToken) -> Result<(), KafkaIntakeError> {
        let consumer = Arc::new(client::consumer(&self.config, &self.status)?);
        let mut messages = Messages {
            kafka: self,
            consumer: &consumer,
            cancel: &cancel,
            offsets: Offsets::default(),
            under_way: FuturesUnordered::new(),
            claimed: HashSet::new(),
            waiting: VecDeque::new(),
            is_paused: false,
        };
        tokio::select! {
            () = messages.until_cancelled() => {}
            () = self.watch(&consumer) => {}
        }
        messages.finish().await;
        drop(messages);
        self.status.ended();
        let closed = tokio::task::spawn_blocking(move || {
            // Without any stored offset there is nothing to commit, which librdkafka reports as an error.
            drop(consumer.commit_consumer_state(CommitMode::Sync));
        });
        drop(closed.await);
        Ok(())
    }

    /// Asks again and again whether the brokers are there and have every topic. Never ends.
    async fn watch(&self, consumer: &Arc<StreamConsumer<Watch>>) {
        loop {
            let (consumer, config) = (Arc::clone(consumer), self.config.clone());
            let asked = tokio::task::spawn_blocking(move || {
                client::missing_of(&*consumer, &config, WATCH_TIMEOUT)
            });
            let missing = asked.await.ok().and_then(Result::ok);
            self.status.connected(missing.is_some());
            if let Some(missing) = missing {
                self.status.missing(&missing);
            }
            tokio::time::sleep(WATCH_PAUSE).await;
        }
    }
}

impl<'r> Messages<'r> {
    async fn until_cancelled(&mut self) {
        loop {
            self.begin_what_can_be();
            figures::messages_under_way(self.under_way.len());
            let reads_on = self.waiting.is_empty() || self.is_paused;
            let consumer = self.consumer;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                Some(answered) = self.under_way.next() => self.settle(answered),
                read = consumer.recv(), if reads_on => self.read(read),
                () = tokio::time::sleep(STALLED_AFTER), if !reads_on => self.pause(),
            }
        }
    }

    /// Work under way comes to its end, or gives up by itself since the node stops.
    async fn finish(&mut self) {
        while let Some(answered) = self.under_way.next().await {
            self.settle(answered);
        }
        figures::messages_under_way(0);
    }

    fn read(&mut self, read: Result<BorrowedMessage<'_>, KafkaError>) {
        let message = match read {
            Ok(message) => message,
            Err(error) => return self.trouble(&error),
        };
        self.kafka.status.works();
        let Some((topic, tenant)) = self.kafka.tenants.get_key_value(message.topic()) else {
            // Only topics of the configuration are subscribed to.
            warn!(topic = message.topic(), "a message of a topic that belongs to nobody");
            return;
        };
        let partition = (Arc::clone(topic), message.partition());
        self.offsets.begin(&partition, message.offset());
        self.waiting.push_back(Incoming::new(partition, tenant.clone(), message.detach()));
        if self.is_paused {
            // A partition that was assigned meanwhile.
            self.pause();
        }
    }

    fn trouble(&self, error: &KafkaError) {
        self.kafka.status.trouble(error);
        warn!(%error, "kafka cannot be read");
    }

    /// Begins waiting messages in their order, as far as there is room and nobody works on the same version.
    fn begin_what_can_be(&mut self) {
        while self.under_way.len() < self.kafka.config.in_flight as usize {
            let Some(next) = self.waiting.front() else { break };
            if next.claims.iter().any(|claim| self.claimed.contains(claim)) {
                return;
            }
            let Some(incoming) = self.waiting.pop_front() else { break };
            self.claimed.extend(incoming.claims.iter().cloned());
            let work = self.kafka.answer(incoming, self.cancel.clone());
            self.under_way.push(Box::pin(work));
        }
        if self.waiting.is_empty() && self.is_paused {
            self.resume();
        }
    }

    fn settle(&mut self, answered: Answered) {
        let Answered { partition, offset, claims, answer } = answered;
        figures::message(answer.as_str());
        for claim in &claims {
            self.claimed.remove(claim);
        }
        if answer == Answer::Unfinished {
            return;
        }
        let resume_at = self.offsets.finish(&partition, offset);
        let (topic, partition) = (&partition.0, partition.1);
        // The client wants the offset of the last message done, not of the next one.
        if let Err(error) = self.consumer.store_offset(topic, partition, resume_at - 1) {
            // The partition is another node's by now: the message comes there once more, and changes nothing.
            info!(%error, "an offset is not ours to store any more");
        }
    }

    fn pause(&mut self) {
        let paused = self.consumer.assignment().and_then(|all| self.consumer.pause(&all));
        match paused {
            Ok(()) => self.is_paused = true,
            Err(error) => warn!(%error, "kafka partitions cannot be paused"),
        }
    }

    fn resume(&mut self) {
        let resumed = self.consumer.assignment().and_then(|all| self.consumer.resume(&all));
        match resumed {
            Ok(()) => self.is_paused = false,
            Err(error) => warn!(%error, "kafka partitions cannot be resumed"),
        }
    }
}
