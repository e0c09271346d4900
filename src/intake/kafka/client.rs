use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use secrecy::ExposeSecret;

use super::status::Status;
use crate::KafkaConfig;

/// How long the broker may take to make a topic.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest record of the topic of rejected messages, in bytes, where we make it: an original of the usual broker's
/// limit, its reasons beside it. What is longer goes without its bytes.
const MAX_REJECTED_BYTES: &str = "2097152";

/// Tells [`Status`] what the client's threads notice.
pub(super) struct Watch(pub(super) Status);

impl ClientContext for Watch {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.trouble(&error);
        }
        tracing::warn!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Watch {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                self.0.works();
                tracing::info!(partitions = partitions.count(), "kafka partitions assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "kafka partitions revoked");
            }
            Rebalance::Error(error) => self.0.trouble(error),
        }
    }
}

/// Offsets are stored by us, behind the durable answer, and only stored offsets are committed: twice a second, when
/// partitions go elsewhere, and at the end.
pub(super) fn consumer(
    config: &KafkaConfig,
    status: &Status,
) -> Result<StreamConsumer<Watch>, KafkaError> {
    let mut settings = client(config);
    settings
        .set("group.id", &config.group)
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "500")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // A topic that was missing is found once it is made.
        .set("topic.metadata.refresh.interval.ms", "5000")
        // What is fetched ahead waits in memory.
        .set("queued.min.messages", "200")
        .set("queued.max.messages.kbytes", "16384");
    let consumer: StreamConsumer<Watch> = settings.create_with_context(Watch(status.clone()))?;
    let topics: Vec<&str> = reports(config).collect();
    consumer.subscribe(&topics)?;
    Ok(consumer)
}

/// Rejected messages are written once each, by all replicas in sync.
pub(super) fn producer(config: &KafkaConfig) -> Result<FutureProducer, KafkaError> {
    client(config)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "zstd")
        .set("message.max.bytes", MAX_REJECTED_BYTES)
        // The topic's limit is on batches: alone in its own, a message is not refused for its neighbours.
        .set("batch.num.messages", "1")
        .set("message.timeout.ms", "30000")
        .create()
}

/// A client of the brokers of `config`, with its further settings.
#[must_use]
pub fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", "waybill").set("reconnect.backoff.max.ms", "2000");
    for (key, value) in &config.properties {
        client.set(key, value.expose_secret());
    }
    client.set("bootstrap.servers", &config.brokers);
    client
}

/// Makes the topics of `config` that are missing: for demos and tests. In production the operator makes them.
///
/// # Errors
/// [`KafkaError`] when the brokers do not answer or refuse.
pub async fn ensure_topics(config: &KafkaConfig, partitions: i32) -> Result<(), KafkaError> {
    let admin: AdminClient<DefaultClientContext> = client(config).create()?;
    let topic = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let mut topics: Vec<_> = reports(config).map(topic).collect();
    topics.push(topic(&config.rejected_topic).set("max.message.bytes", MAX_REJECTED_BYTES));
    let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
    for made in admin.create_topics(&topics, &options).await? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                tracing::warn!(topic = name, %code, "a topic cannot be made");
                return Err(KafkaError::AdminOp(code));
            }
        }
    }
    Ok(())
}

/// Topics of `config` that the brokers do not have: for `waybill doctor`. Blocks for at most `timeout`.
///
/// # Errors
/// [`KafkaError`] when the brokers do not answer.
pub fn missing_topics(config: &KafkaConfig, timeout: Duration) -> Result<Vec<String>, KafkaError> {
    let consumer: BaseConsumer = client(config).create()?;
    missing_of(&consumer, config, timeout)
}

/// Those of the configuration's topics that the brokers do not have. Blocks for at most `timeout` each.
pub(super) fn missing_of<C, X>(
    consumer: &C,
    config: &KafkaConfig,
    timeout: Duration,
) -> Result<Vec<String>, KafkaError>
where
    C: Consumer<X>,
    X: ConsumerContext,
{
    let mut missing = Vec::new();
    for topic in reports(config).chain([config.rejected_topic.as_str()]) {
        let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
        if metadata.topics().iter().any(|found| found.error().is_some()) {
            missing.push(topic.to_owned());
        }
    }
    Ok(missing)
}

/// Topics that carry reports.
fn reports(config: &KafkaConfig) -> impl Iterator<Item = &str> {
    config.topics.iter().map(|topic| topic.topic.as_str())
}
