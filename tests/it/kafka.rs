use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

use crate::support::{Api, Hook, SOON, Scene, env, until};

fn client() -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", env("WAYBILL_KAFKA__BROKERS"));
    client
}

async fn make_topics(names: &[&str]) {
    let admin: AdminClient<_> = client().create().unwrap();
    let topics: Vec<NewTopic> =
        names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1))).collect();
    for made in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
        made.unwrap();
    }
}

async fn remove_topics(names: &[&str]) {
    let admin: AdminClient<_> = client().create().unwrap();
    admin.delete_topics(names, &AdminOptions::new()).await.unwrap();
}

async fn send(topic: &str, payload: &[u8]) {
    let producer: FutureProducer = client().create().unwrap();
    let record = FutureRecord::<[u8], [u8]>::to(topic).payload(payload).key(b"k".as_slice());
    producer.send(record, SOON).await.unwrap();
}

async fn first_of(topic: &str) -> OwnedMessage {
    let consumer: StreamConsumer = client()
        .set("group.id", format!("{topic}.reader"))
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    tokio::time::timeout(SOON, consumer.recv()).await.unwrap().unwrap().detach()
}

fn header(message: &OwnedMessage, key: &str) -> String {
    let headers = message.headers().unwrap();
    let found = headers.iter().find(|header| header.key == key).unwrap();
    String::from_utf8(found.value.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_message_becomes_a_delivery_and_garbage_comes_back_whole_with_its_reason() {
    let name = format!("it-{}", uuid::Uuid::new_v4().simple());
    let (ready, rejected) = (format!("{name}.ready"), format!("{name}.rejected"));
    make_topics(&[&ready, &rejected]).await;
    let hook = Hook::start().await;
    let scene = Scene::set()
        .await
        .with("kafka.brokers", env("WAYBILL_KAFKA__BROKERS"))
        .with("kafka.group", format!("{name}.intake"))
        .with("kafka.topics", format!("[{{topic=\"{ready}\",tenant=\"acme\"}}]"))
        .with("kafka.rejected_topic", &rejected);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;

    let garbage = b"\xff\xfe{\"report\": \"risk\"".as_slice();
    send(&ready, garbage).await;
    let message = json!({
        "report": "risk",
        "version": "v1",
        "artifacts": [{ "name": "a.csv", "format": "csv", "content_base64": STANDARD.encode("a,b\n") }],
    });
    send(&ready, message.to_string().as_bytes()).await;
    send(&ready, message.to_string().as_bytes()).await;

    let received = until("the webhook came", async || hook.received().first().cloned()).await;
    let said: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(said["data"]["version"], "v1");
    assert_eq!(said["data"]["artifacts"][0]["content_base64"], STANDARD.encode("a,b\n"));
    let back = first_of(&rejected).await;
    assert_eq!(back.payload().unwrap(), garbage);
    assert_eq!(back.key().unwrap(), b"k");
    assert_eq!(header(&back, "topic"), ready);
    assert!(!header(&back, "reason").is_empty());

    let sql = "select aggregate_id from events where event_type = 'ReportReceived' and $1 = $1";
    let runs = scene.texts(sql, "").await;
    assert_eq!(runs.len(), 1, "the same version is one distribution");
    scene.reconciled(&runs[0]).await;
    let part = until("Kafka is ready", async || {
        node.part("kafka intake").await.filter(|part| part["ok"] == json!(true))
    });
    tokio::time::timeout(Duration::from_secs(10), part).await.unwrap();
    assert_eq!(node.terminate().await, Some(0));
    remove_topics(&[&ready, &rejected]).await;
}
