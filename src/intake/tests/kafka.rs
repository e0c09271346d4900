use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use schema::events::DistributionEvent;
use schema::{AggregateType, LedgerEvent, Sha256};
use sqlx::Executor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::support::{TRACE, World, acme, until};
use crate::kafka::{KafkaIntake, KafkaReadiness, MAX_INLINE_BYTES, ensure_topics, missing_topics};
use crate::{IntakeConfig, KafkaConfig, TopicConfig};

const WAIT: Duration = Duration::from_secs(30);

/// Topics of one test's own.
struct Kafka {
    config: KafkaConfig,
    producer: FutureProducer,
}

/// A node that reads them.
struct Running {
    kafka: Arc<KafkaIntake>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Kafka {
    async fn start() -> Self {
        let kafka = Self::named();
        ensure_topics(&kafka.config, 1).await.unwrap();
        kafka
    }

    /// With topics that an operator has made, whose records have at most so many bytes.
    async fn start_with_limits(ready_bytes: &str, rejected_bytes: &str) -> Self {
        let kafka = Self::named();
        let rejected = kafka.config.rejected_topic.as_str();
        kafka.make([(kafka.topic(), ready_bytes), (rejected, rejected_bytes)]).await;
        kafka
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test is told of its servers by the environment"
    )]
    fn named() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("t{nanos}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let config = KafkaConfig {
            brokers: std::env::var("WAYBILL_KAFKA__BROKERS").unwrap(),
            group: format!("{name}.intake"),
            topics: vec![TopicConfig { topic: format!("{name}.ready"), tenant: acme() }],
            rejected_topic: format!("{name}.rejected"),
            ..Default::default()
        };
        let producer = client(&config).create().unwrap();
        Self { config, producer }
    }

    async fn make(&self, topics: [(&str, &str); 2]) {
        let admin: AdminClient<DefaultClientContext> = client(&self.config).create().unwrap();
        let topics = topics.map(|(name, limit)| {
            NewTopic::new(name, 1, TopicReplication::Fixed(1)).set("max.message.bytes", limit)
        });
        for made in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
            made.unwrap();
        }
    }

    /// Removes the topic of reports and makes it once more, empty.
    async fn begin_anew(&self) {
        let admin: AdminClient<DefaultClientContext> = client(&self.config).create().unwrap();
        admin.delete_topics(&[self.topic()], &AdminOptions::new()).await.unwrap();
        until("the topic is made anew", || async {
            let topic = NewTopic::new(self.topic(), 1, TopicReplication::Fixed(1));
            let made = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
            made[0].is_ok()
        })
        .await;
    }

    fn topic(&self) -> &str {
        &self.config.topics[0].topic
    }

    async fn send(&self, payload: impl AsRef<[u8]>) {
        self.send_with_key(payload.as_ref(), b"key").await;
    }

    async fn send_with_key(&self, payload: &[u8], key: &[u8]) {
        let headers = OwnedHeaders::new();
        let headers = headers.insert(Header { key: "traceparent", value: Some(TRACE) });
        let record = FutureRecord::<[u8], [u8]>::to(self.topic()).headers(headers);
        let record = record.payload(payload).key(key);
        self.producer.send(record, WAIT).await.unwrap();
    }

    fn run(&self, world: &World) -> Running {
        let kafka = KafkaIntake::try_new(self.config.clone(), world.intake.clone()).unwrap();
        let (kafka, cancel) = (Arc::new(kafka), CancellationToken::new());
        let (running, stop) = (kafka.clone(), cancel.clone());
        let task = tokio::spawn(async move { running.run(stop).await.unwrap() });
        Running { kafka, cancel, task }
    }

    /// Where the group would go on.
    async fn committed(&self) -> Option<i64> {
        let mut client = client(&self.config);
        let consumer: BaseConsumer = client.set("group.id", &self.config.group).create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition(self.topic(), 0);
        let committed = tokio::task::spawn_blocking(move || {
            loop {
                match consumer.committed_offsets(partitions.clone(), WAIT) {
                    // A broker that has just begun is still looking for the group's place.
                    Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotCoordinator)) => {}
                    committed => return committed.unwrap(),
                }
            }
        });
        let committed = committed.await.unwrap();
        committed.elements()[0].offset().to_raw().filter(|offset| *offset >= 0)
    }

    async fn rejected(&self, count: usize) -> Vec<OwnedMessage> {
        let mut client = client(&self.config);
        let consumer: StreamConsumer = client
            .set("group.id", format!("{}.reader", self.config.group))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[&self.config.rejected_topic]).unwrap();
        let mut messages = Vec::new();
        while messages.len() < count {
            let message = tokio::time::timeout(WAIT, consumer.recv()).await.unwrap();
            messages.push(message.unwrap().detach());
        }
        messages
    }
}

impl Running {
    async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers).set("message.max.bytes", "4000000");
    client
}

/// Bytes that no compression makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ size as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..size.div_ceil(8)).flat_map(|_| next()).take(size).collect()
}

fn message(version: &str, more: &str) -> String {
    format!(r#"{{"report":"risk","version":"{version}"{more}}}"#)
}

fn told(message: &OwnedMessage) -> BTreeMap<String, String> {
    let headers = message.headers().unwrap().iter();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    headers.map(|header| (header.key.to_owned(), text(header.value))).collect()
}

async fn versions(world: &World) -> Vec<String> {
    let of_version = |event: DistributionEvent| match event {
        DistributionEvent::ReportReceived(version) => Some(version.version.to_string()),
        _ => None,
    };
    let mut versions: Vec<_> =
        world.distributions().await.into_iter().filter_map(of_version).collect();
    versions.sort();
    versions
}

async fn until_versions(world: &World, expected: &[&str]) {
    until("the versions are in the ledger", || async { versions(world).await == expected }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_a_version_with_its_files_and_its_trace() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    let stored = world.artifact("risk.pdf", "stored before").await;
    let content = STANDARD.encode("a,b\n");
    let artifacts = format!(
        r#","attributes":{{"region":"emea"}},"artifacts":[
            {{"name":"a.csv","format":"csv","content_base64":"{content}"}},
            {{"name":"a.pdf","format":"pdf","sha256":"{}"}}]"#,
        stored.sha256
    );
    kafka.send(message("1", &artifacts)).await;
    let running = kafka.run(&world);
    until_versions(&world, &["1"]).await;

    let events = world.log(&[AggregateType::Distribution]).await;
    let LedgerEvent::Distribution(DistributionEvent::ReportReceived(version)) = &events[0].event
    else {
        unreachable!("{:?}", events[0]);
    };
    let files: Vec<_> = version
        .artifacts
        .iter()
        .map(|file| (file.name.as_str(), file.sha256, file.size_bytes))
        .collect();
    let expected = [("a.csv", Sha256::of(b"a,b\n"), 4), ("a.pdf", stored.sha256, 13)];
    assert_eq!(files, expected);
    let read = world.artifacts.read_all(&acme(), Sha256::of(b"a,b\n"), 10).await.unwrap();
    assert_eq!(read, "a,b\n");
    let metadata = &events[0].metadata;
    assert_eq!(metadata.traceparent.as_deref(), Some(TRACE));
    assert_eq!(metadata.actor.as_str(), format!("kafka:{}", kafka.topic()));
    assert_eq!(metadata.causation, Some(format!("kafka:{}/0/0", kafka.topic())));
    assert_eq!(running.kafka.readiness(), KafkaReadiness::Ready);
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_name_one_of_its_artifacts_as_a_data_frame_which_is_checked() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    for (version, csv) in [("1", "desk,var\nrates,1\n"), ("2", "desk,var\nrates\n")] {
        let content = STANDARD.encode(csv);
        let rest = format!(
            r#","frame":"a.csv","artifacts":[{{"name":"a.csv","format":"csv","content_base64":"{content}"}}]"#
        );
        kafka.send(message(version, &rest)).await;
    }
    let running = kafka.run(&world);
    until_versions(&world, &["1"]).await;

    let rejected = kafka.rejected(1).await;
    let headers = told(&rejected[0]);
    assert_eq!((&*headers["code"], &*headers["field"]), ("invalid", "artifacts[0], line 2"));
    let events = world.distributions().await;
    let DistributionEvent::ReportReceived(version) = &events[0] else { unreachable!("{events:?}") };
    let frame = version.frame.as_ref().unwrap();
    assert_eq!((frame.artifact.as_str(), frame.rows, frame.longest_text), ("a.csv", 1, 5));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_taken_is_rejected_with_its_reason_and_its_bytes() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    let garbage: &[u8] = b"\xff\x00 no json";
    let deep = format!(r#"{{"report":{}"#, "[".repeat(40));
    let unknown = message("1", "").replace("risk", "rsik");
    let other = message("2", r#","attributes":{"final":true}"#);
    let inline = STANDARD.encode(vec![0; MAX_INLINE_BYTES + 1]);
    let inline =
        format!(r#","artifacts":[{{"name":"a","format":"csv","content_base64":"{inline}"}}]"#);
    let sha256 = Sha256::of(b"nowhere");
    let nowhere = format!(r#","artifacts":[{{"name":"a","format":"csv","sha256":"{sha256}"}}]"#);
    let wrong = format!(
        r#","artifacts":[{{"name":"a","format":"csv","sha256":"{sha256}","content_base64":"YQ=="}}]"#
    );
    let sent: Vec<Vec<u8>> = vec![
        garbage.to_vec(),
        deep.into_bytes(),
        unknown.into_bytes(),
        message("2", "").into_bytes(),
        other.into_bytes(),
        message("3", &inline).into_bytes(),
        message("4", &nowhere).into_bytes(),
        message("5", &wrong).into_bytes(),
        message("6", r#","attributes":{"a":"\u0000"}"#).into_bytes(),
        message("7", "").into_bytes(),
    ];
    for payload in &sent {
        kafka.send(payload).await;
    }
    let running = kafka.run(&world);
    until_versions(&world, &["2", "7"]).await;

    let mut rejected = BTreeMap::new();
    for message in kafka.rejected(8).await {
        let headers = told(&message);
        let offset: usize = headers["offset"].parse().unwrap();
        assert_eq!(message.payload().unwrap(), sent[offset], "the original bytes of {offset}");
        assert_eq!(message.key().unwrap(), b"key");
        assert_eq!(
            (headers["topic"].as_str(), headers["partition"].as_str()),
            (kafka.topic(), "0")
        );
        assert_eq!(headers["traceparent"], TRACE);
        rejected.insert(offset, (headers["code"].clone(), headers["field"].clone()));
    }
    let pair = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    let expected = BTreeMap::from([
        (0, pair("invalid", "message")),
        (1, pair("invalid", "message")),
        (2, pair("unknown_report", "report")),
        (4, pair("digest_differs", "version")),
        (5, pair("invalid", "artifacts[0].content_base64")),
        (6, pair("artifact_missing", "artifacts[0].sha256")),
        (7, pair("artifact_refused", "artifacts")),
        (8, pair("invalid", "message")),
    ]);
    assert_eq!(rejected, expected);
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_the_rejected_topic_is_kept_on_disk_and_named_there() {
    let world = World::start(0).await;
    let kafka = Kafka::start_with_limits("4000000", "2500").await;
    let sent = [noise(1_000), noise(6_000), noise(3_000_000)];
    for payload in &sent {
        kafka.send(payload).await;
    }
    let long_key = noise(5_000);
    kafka.send_with_key(b"garbage", &long_key).await;
    kafka.send(message("1", "")).await;
    let running = kafka.run(&world);
    until_versions(&world, &["1"]).await;

    let rejected = kafka.rejected(4).await;
    let rejected = rejected.iter().map(|message| (told(message)["offset"].clone(), message));
    let rejected: BTreeMap<_, _> = rejected.collect();
    assert_eq!(rejected["0"].payload().unwrap(), sent[0], "there is room for this one");
    for (at, original) in [("1", &sent[1]), ("2", &sent[2])] {
        let headers = told(rejected[at]);
        assert_eq!(rejected[at].payload(), None, "{headers:?}");
        assert_eq!(rejected[at].key().unwrap(), b"key");
        assert_eq!((headers["code"].as_str(), headers["field"].as_str()), ("invalid", "message"));
        assert_eq!(
            (&headers["topic"], headers["partition"].as_str()),
            (&kafka.topic().to_owned(), "0")
        );
        let sha256 = Sha256::of(original);
        assert_eq!(headers["payload_sha256"], sha256.to_string());
        assert_eq!(headers["payload_size_bytes"], original.len().to_string());
        let kept = world.artifacts.read_all(&acme(), sha256, 4_000_000).await.unwrap();
        assert_eq!(kept, *original);
    }
    let headers = told(rejected["3"]);
    assert_eq!(rejected["3"].key(), None, "{headers:?}");
    assert_eq!(headers["key_sha256"], Sha256::of(&long_key).to_string());
    let kept = world.artifacts.read_all(&acme(), Sha256::of(&long_key), 5_000).await.unwrap();
    assert_eq!(kept, long_key);
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_topic_made_anew_nothing_is_committed_that_was_not_answered() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    for name in ["1", "2", "3"] {
        kafka.send(message(name, "")).await;
    }
    let running = kafka.run(&world);
    until("all are committed", || async { kafka.committed().await == Some(3) }).await;
    kafka.begin_anew().await;
    kafka.send(message("4", "")).await;
    until_versions(&world, &["1", "2", "3", "4"]).await;
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(1), "the next message would be passed over");

    for name in ["5", "6", "7", "8"] {
        kafka.send(message(name, "")).await;
    }
    let running = kafka.run(&world);
    until_versions(&world, &["1", "2", "3", "4", "5", "6", "7", "8"]).await;
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_come_again_change_nothing() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    for name in ["1", "2", "1"] {
        kafka.send(message(name, "")).await;
    }
    let running = kafka.run(&world);
    until_versions(&world, &["1", "2"]).await;
    running.stop().await;
    let before = world.distributions().await;

    // The same log, read from its beginning by a group that knows nothing of it.
    let mut again = Kafka { config: kafka.config.clone(), producer: kafka.producer.clone() };
    again.config.group.push_str(".again");
    let running = again.run(&world);
    until("everything was read again", || async { again.committed().await == Some(3) }).await;
    running.stop().await;
    assert_eq!(world.distributions().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_right_behind_its_version_waits_for_it() {
    let (world, kafka) = (World::start(0).await, Kafka::start().await);
    for number in 1..=40 {
        let more = match number {
            1 => String::new(),
            _ => format!(r#","corrects":"{:02}""#, number - 1),
        };
        kafka.send(message(&format!("{number:02}"), &more)).await;
    }
    let running = kafka.run(&world);
    let expected: Vec<_> = (1..=40).map(|number| format!("{number:02}")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    until_versions(&world, &expected).await;
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_messages_wait_unrejected_and_uncommitted() {
    let world = World::start_with(0, IntakeConfig::default(), 200).await;
    let kafka = Kafka::start().await;
    let mut admin = world.test.superuser().await;
    let limit =
        |limit: i32| format!("alter database {} connection limit {limit}", world.test.database);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    admin.execute(limit(0).as_str()).await.unwrap();
    admin.execute(end).await.unwrap();
    kafka.send(message("1", "")).await;
    kafka.send("garbage").await;

    let running = kafka.run(&world);
    until("the message is seen to wait", || async {
        matches!(running.kafka.readiness(), KafkaReadiness::NotReady { reason }
            if reason.contains("the database is not available"))
    })
    .await;
    assert_eq!(kafka.rejected(1).await.len(), 1);
    assert_eq!(kafka.committed().await.unwrap_or(0), 0);
    admin.execute(limit(-1).as_str()).await.unwrap();

    until("the version is taken", || async { kafka.committed().await == Some(2) }).await;
    assert_eq!(versions(&world).await, ["1"]);
    assert_eq!(running.kafka.readiness(), KafkaReadiness::Ready);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_while_messages_wait_leaves_them_to_the_next() {
    let world = World::start_with(0, IntakeConfig::default(), 200).await;
    let kafka = Kafka::start().await;
    let mut admin = world.test.superuser().await;
    let limit =
        |limit: i32| format!("alter database {} connection limit {limit}", world.test.database);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    kafka.send(message("1", "")).await;
    let running = kafka.run(&world);
    until("the first is taken", || async { kafka.committed().await == Some(1) }).await;
    admin.execute(limit(0).as_str()).await.unwrap();
    admin.execute(end).await.unwrap();
    for name in ["2", "3", "4"] {
        kafka.send(message(name, "")).await;
    }
    until("messages wait", || async {
        matches!(running.kafka.readiness(), KafkaReadiness::NotReady { .. })
    })
    .await;

    running.stop().await;
    assert_eq!(kafka.committed().await, Some(1));
    admin.execute(limit(-1).as_str()).await.unwrap();
    let running = kafka.run(&world);
    until_versions(&world, &["1", "2", "3", "4"]).await;
    running.stop().await;
    assert_eq!(kafka.committed().await, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_the_node_says_so_and_still_stops_when_told() {
    let (world, mut kafka) = (World::start(0).await, Kafka::start().await);
    // A port that was free a moment ago, and at which nobody answers.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    kafka.config.brokers = format!("127.0.0.1:{port}");
    let running = kafka.run(&world);
    let reason = "no broker can be reached".to_owned();
    assert_eq!(running.kafka.readiness(), KafkaReadiness::NotReady { reason });
    assert!(world.intake.receive(super::support::report("1")).await.is_ok());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_and_found_once_it_is_made() {
    let (world, mut kafka) = (World::start(0).await, Kafka::start().await);
    kafka.config.topics[0].topic.push_str(".later");
    let config = kafka.config.clone();
    let missing = tokio::task::spawn_blocking(move || missing_topics(&config, WAIT).unwrap());
    assert_eq!(missing.await.unwrap(), [kafka.topic()]);
    let running = kafka.run(&world);
    until("readiness names the topic", || async {
        matches!(running.kafka.readiness(), KafkaReadiness::NotReady { reason }
            if reason.contains(kafka.topic()))
    })
    .await;

    ensure_topics(&kafka.config, 1).await.unwrap();
    kafka.send(message("1", "")).await;
    until_versions(&world, &["1"]).await;
    until("readiness says so", || async { running.kafka.readiness() == KafkaReadiness::Ready })
        .await;
    running.stop().await;
}
