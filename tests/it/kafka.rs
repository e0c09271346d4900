use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::message::{Headers, Message, OwnedMessage};
use serde_json::{Value, json};

use crate::support::{Api, Hook, Scene, Topics, Whereabouts, report_message, until};

fn header(message: &OwnedMessage, key: &str) -> String {
    let headers = message.headers().unwrap();
    let found = headers.iter().find(|header| header.key == key).unwrap();
    String::from_utf8(found.value.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_message_becomes_a_delivery_and_garbage_comes_back_whole_with_its_reason() {
    let topics = Topics::make(&Whereabouts::default(), 1).await;
    let hook = Hook::start().await;
    let scene = topics.read_by(Scene::set().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;

    let garbage = b"\xff\xfe{\"report\": \"risk\"".as_slice();
    topics.send("k", garbage).await;
    let message = report_message("v1", Some(b"a,b\n"));
    topics.send("k", &message).await;
    topics.send("k", &message).await;

    let received = until("the webhook came", async || hook.received().first().cloned()).await;
    let said: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(said["data"]["version"], "v1");
    assert_eq!(said["data"]["artifacts"][0]["content_base64"], STANDARD.encode("a,b\n"));
    let back = topics.first_rejected().await;
    assert_eq!(back.payload().unwrap(), garbage);
    assert_eq!(back.key().unwrap(), b"k");
    assert_eq!(header(&back, "topic"), topics.ready);
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
    topics.remove().await;
}
