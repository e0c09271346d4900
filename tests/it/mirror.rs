use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};

use crate::support::{Api, OwnServer, Scene, until};

const KINDS: [&str; 7] =
    ["tenant", "api_key", "report", "recipient", "subscription", "distribution", "delivery"];

const PARTITIONS: i32 = 2;

/// Positions on the mirror's topics with what stands there, as someone sees them who reads what was committed.
fn committed(brokers: &str, name: &str) -> BTreeMap<i64, Vec<String>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "downstream")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .create()
        .unwrap();
    let mut places = TopicPartitionList::new();
    for kind in KINDS {
        for partition in 0..PARTITIONS {
            let topic = format!("{name}.{kind}");
            places.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
        }
    }
    let mut open = places.count();
    consumer.assign(&places).unwrap();
    let mut seen: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    while open > 0 {
        match consumer.poll(Duration::from_secs(20)).expect("a record or an end") {
            Ok(record) => {
                let mut headers = record.headers().unwrap().iter();
                let position = headers.find(|header| header.key == "ce_position").unwrap().value;
                let position = std::str::from_utf8(position.unwrap()).unwrap().parse().unwrap();
                let payload = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
                seen.entry(position).or_default().push(payload);
            }
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => assert_eq!(error.to_string(), ""),
        }
    }
    seen
}

#[tokio::test]
async fn while_the_broker_is_dead_deliveries_go_on_and_afterwards_each_event_is_there_once() {
    let (broker, scene) = futures::join!(OwnServer::start("kafka"), Scene::set());
    let brokers = broker.whereabouts().of("WAYBILL_KAFKA__BROKERS");
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let scene = scene.mirrored(&brokers, "it", PARTITIONS).with("followers.retry_cap_ms", 500);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;

    broker.kill().await;
    scene.reconciled(&api.publish("risk", "v2").await).await;
    let part = until("readiness names the mirror", async || {
        node.part("follower mirror-it").await.filter(|part| part["ok"] == json!(false))
    });
    let part = part.await;
    let fact = |name: &str| part["facts"][name].as_i64().unwrap();
    assert!(fact("lag") > 0 && fact("lag_ms") > 0, "{part}");
    assert_eq!(node.readiness().await.0, 200);
    broker.start_again().await;
    scene.reconciled(&api.publish("risk", "v3").await).await;
    scene.mirror_at_head().await;
    until("readiness says so", async || {
        node.part("follower mirror-it").await.filter(|part| part["ok"] == json!(true))
    })
    .await;
    assert_eq!(node.terminate().await, Some(0));

    let stored: Vec<(i64, String)> =
        sqlx::query_as("select position, payload::text from events order by position")
            .fetch_all(&scene.pool)
            .await
            .unwrap();
    let seen = tokio::task::spawn_blocking(move || committed(&brokers, "it")).await.unwrap();
    let stored: BTreeMap<i64, Vec<String>> =
        stored.into_iter().map(|(position, payload)| (position, vec![payload])).collect();
    assert_eq!(seen, stored);
    assert_eq!(sink.records.taken(), 3);
}

#[tokio::test]
async fn a_broker_that_dies_in_the_middle_of_transactions_costs_no_event_and_tells_none_twice() {
    let (broker, scene) = futures::join!(OwnServer::start("kafka"), Scene::set());
    let brokers = broker.whereabouts().of("WAYBILL_KAFKA__BROKERS");
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let scene = scene.mirrored(&brokers, "it", PARTITIONS).with("followers.retry_cap_ms", 500);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    for recipient in ["a", "b", "c"] {
        api.recipient(recipient, "webhook", &sink.url("/ok"), "risk").await;
    }
    let mut last = String::new();
    for turn in 0..2 {
        let publishing = async {
            for version in 0..40 {
                last = api.publish("risk", &format!("v{turn}-{version}")).await;
            }
        };
        // Long before the last one is told.
        futures::join!(publishing, broker.kill());
        broker.start_again().await;
    }
    scene.reconciled(&last).await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    let verified = scene.waybill(&["mirror", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("mirror and ledger are equal"), "{}", verified.stdout);
    assert_eq!(sink.records.taken(), 240);

    let words = ["mirror", "backfill", "--topic", "late", "--aggregates", "delivery"];
    let words = [&words[..], &["--output", "json"]].concat();
    let deliveries = "select count(*) from events where aggregate_type = $1";
    let deliveries = scene.count(deliveries, "delivery").await;
    for expected in [deliveries, 0] {
        let filled = scene.waybill(&words).await;
        assert_eq!(filled.code, Some(0), "{}", filled.stderr);
        let filled: Value = serde_json::from_str(&filled.stdout).unwrap();
        assert_eq!(filled["events"], expected);
    }
}

#[tokio::test]
async fn a_mirror_without_brokers_is_a_mistake_that_is_named() {
    let scene = Scene::set().await.with("mirror.enabled", true);
    let ended = scene.waybill(&["doctor"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("mirror.enabled: \"true\" needs kafka.brokers"),
        "{}",
        ended.stderr
    );
}
