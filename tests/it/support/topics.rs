use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::TopicPartitionList;
use serde_json::json;

use super::{SOON, Scene, Whereabouts};

/// The topics of one test's own, and the group that reads them.
pub struct Topics {
    /// Carries reports.
    pub ready: String,
    rejected: String,
    group: String,
    brokers: String,
    partitions: i32,
    producer: FutureProducer,
}

/// A message that publishes a version of `risk`, with one file or none.
pub fn report_message(version: &str, file: Option<&[u8]>) -> Vec<u8> {
    let artifact =
        |file| json!({ "name": "a.csv", "format": "csv", "content_base64": STANDARD.encode(file) });
    let artifacts: Vec<_> = file.into_iter().map(artifact).collect();
    json!({ "report": "risk", "version": version, "artifacts": artifacts }).to_string().into_bytes()
}

fn client(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers).set("reconnect.backoff.max.ms", "500");
    client
}

impl Topics {
    /// Makes them on the broker of these whereabouts.
    pub async fn make(whereabouts: &Whereabouts, partitions: i32) -> Self {
        let brokers = whereabouts.of("WAYBILL_KAFKA__BROKERS");
        let name = format!("it-{}", uuid::Uuid::new_v4().simple());
        let producer = client(&brokers).create().unwrap();
        let topics = Self {
            ready: format!("{name}.ready"),
            rejected: format!("{name}.rejected"),
            group: format!("{name}.intake"),
            brokers,
            partitions,
            producer,
        };
        let made =
            topics.names().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(1)));
        for made in topics.admin().create_topics(&made, &AdminOptions::new()).await.unwrap() {
            made.unwrap();
        }
        topics
    }

    /// Has the scene's program read them.
    pub fn read_by(&self, scene: Scene) -> Scene {
        scene
            .with("kafka.brokers", &self.brokers)
            .with("kafka.group", &self.group)
            .with("kafka.topics", format!("[{{topic=\"{}\",tenant=\"acme\"}}]", self.ready))
            .with("kafka.rejected_topic", &self.rejected)
    }

    /// Says something, and waits until the broker has it.
    pub async fn send(&self, key: &str, payload: &[u8]) {
        let record = FutureRecord::<[u8], [u8]>::to(&self.ready).payload(payload);
        self.producer.send(record.key(key.as_bytes()), SOON).await.unwrap();
    }

    /// The first message that was rejected.
    pub async fn first_rejected(&self) -> OwnedMessage {
        let consumer: StreamConsumer = client(&self.brokers)
            .set("group.id", format!("{}.reader", self.group))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[&self.rejected]).unwrap();
        tokio::time::timeout(SOON, consumer.recv()).await.unwrap().unwrap().detach()
    }

    /// How many messages were rejected.
    pub async fn rejected_count(&self) -> i64 {
        let consumer: BaseConsumer = client(&self.brokers).create().unwrap();
        let (topic, partitions) = (self.rejected.clone(), self.partitions);
        let counted = tokio::task::spawn_blocking(move || {
            let ends =
                (0..partitions).map(|at| consumer.fetch_watermarks(&topic, at, SOON).unwrap().1);
            ends.sum()
        });
        counted.await.unwrap()
    }

    /// How many messages the group has behind it.
    pub async fn committed(&self) -> i64 {
        self.committed_each().await.iter().sum()
    }

    /// The same of each partition.
    pub async fn committed_each(&self) -> Vec<i64> {
        let consumer: BaseConsumer =
            client(&self.brokers).set("group.id", &self.group).create().unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_range(&self.ready, 0, self.partitions - 1);
        let asked = tokio::task::spawn_blocking(move || consumer.committed_offsets(all, SOON));
        let committed = asked.await.unwrap().unwrap();
        let offsets = committed.elements().into_iter().map(|one| one.offset().to_raw());
        offsets.map(|offset| offset.unwrap_or(0).max(0)).collect()
    }

    /// Removes them.
    pub async fn remove(self) {
        self.admin().delete_topics(&self.names(), &AdminOptions::new()).await.unwrap();
    }

    fn names(&self) -> [&str; 2] {
        [&self.ready, &self.rejected]
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        client(&self.brokers).create().unwrap()
    }
}
