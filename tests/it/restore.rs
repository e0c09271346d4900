use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};

use crate::support::{Api, OwnServer, Scene, env, until};

/// How long nothing must be sent: several turns of every loop that could.
const QUIET: Duration = Duration::from_millis(1_500);

/// A scene whose log is mirrored to topics of its own.
async fn mirrored() -> Scene {
    let name = format!("it-{}", uuid::Uuid::new_v4().simple());
    Scene::set().await.mirrored(env("WAYBILL_KAFKA__BROKERS"), &name, 3)
}

async fn head(scene: &Scene) -> i64 {
    scene.count("select coalesce(max(position), 0) from events where $1 = $1", "").await
}

/// The answer of a command that ends with this code.
async fn answer(scene: &Scene, words: &[&str], code: i32) -> Value {
    let ended = scene.waybill(&[words, &["--output", "json"]].concat()).await;
    assert_eq!(ended.code, Some(code), "{words:?}: {}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Every event as it is stored, with its place and time.
async fn log(scene: &Scene) -> Vec<String> {
    let sql = "select concat_ws(' ', position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, \
               event_version, payload, metadata) from events where $1 = $1 order by position";
    scene.texts(sql, "").await
}

/// Nothing is sent though there was time to.
async fn quiet(sink: &WebhookSink) {
    let sent = sink.records.taken();
    tokio::time::sleep(QUIET).await;
    assert_eq!(sink.records.taken(), sent, "something was sent");
}

fn sent_twice(sink: &WebhookSink) -> Vec<String> {
    let all = sink.records.all().into_iter();
    all.filter(|(_, arrival)| arrival.taken_count > 1).map(|(id, _)| id).collect()
}

#[tokio::test]
async fn what_a_restored_backup_lacks_is_brought_back_and_nothing_is_sent_twice() {
    let mut scene = mirrored().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    api.recipient("slow", "webhook", &sink.url("/sick"), "risk").await;
    api.publish("risk", "v1").await;
    until("one is taken", async || (sink.records.taken() == 1).then_some(())).await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let at_backup = head(&scene).await;

    let node = scene.serve("n1").await;
    let api = api.at(&node);
    sink.heal();
    api.recipient("late", "webhook", &sink.url("/ok/late"), "risk").await;
    scene.reconciled(&api.publish("risk", "v2").await).await;
    until("the first version is taken by all", async || (sink.records.taken() == 5).then_some(()))
        .await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    let before = log(&scene).await;
    let addresses = "select tag from address_index where $1 = $1 order by tag";
    let tags = scene.texts(addresses, "").await;
    let known = head(&scene).await;
    scene.restore().await;
    assert_eq!(head(&scene).await, at_backup);

    // It is held, and says why: by the file beside the artifacts, and without it by the mirror.
    let node = scene.start("n1").await;
    let part = node.part("dispatch").await.expect("dispatch is named");
    assert!(part.to_string().contains("recover list"), "{part}");
    quiet(&sink).await;
    assert_eq!(node.terminate().await, Some(0));
    fs::remove_file(scene.path().join("artifacts/log-identity.json")).unwrap();
    let node = scene.start("n1").await;
    let part = node.part("dispatch").await.expect("dispatch is named");
    assert!(part.to_string().contains("the mirror on Kafka was written up to"), "{part}");
    quiet(&sink).await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!(head(&scene).await, at_backup, "nothing was written");

    let list = answer(&scene, &["recover", "list"], 1).await;
    assert_eq!(list["mirrored_through"], known);
    let counts =
        list["lacking"].as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap());
    let after_backup = before.len() as u64 - log(&scene).await.len() as u64;
    assert_eq!(counts.sum::<u64>(), after_backup, "{list}");
    let status = answer(&scene, &["mirror", "status"], 1).await;
    assert_eq!(status["mirror"]["checkpoint"]["is_in_ledger"], json!(false));

    let done = answer(&scene, &["recover", "import"], 0).await;
    assert_eq!((&done["imported"], &done["through"]), (&json!(after_backup), &json!(known)));
    assert_eq!(log(&scene).await, before, "the log is what it was, byte for byte");
    assert_eq!(scene.texts(addresses, "").await, tags, "addresses are found again");
    answer(&scene, &["recover", "list"], 0).await;
    assert_eq!(answer(&scene, &["recover", "import"], 0).await["imported"], 0);
    answer(&scene, &["queue", "check"], 0).await;

    let node = scene.serve("n1").await;
    let api = api.at(&node);
    scene.reconciled(&api.publish("risk", "v3").await).await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!(sink.records.taken(), 8, "three recipients took the third version");
    assert_eq!(sent_twice(&sink), Vec::<String>::new());
    let verified = answer(&scene, &["mirror", "verify"], 0).await;
    assert_eq!(
        (&verified["equal"], &verified["through"]),
        (&json!(true), &json!(head(&scene).await))
    );
    assert!(head(&scene).await > known);
}

#[tokio::test]
async fn a_log_behind_its_mirror_is_held_as_soon_as_kafka_can_say_so() {
    let (broker, mut scene) = futures::join!(OwnServer::start("kafka"), mirrored());
    scene.put("kafka.brokers", broker.whereabouts().of("WAYBILL_KAFKA__BROKERS"));
    scene.put("followers.retry_cap_ms", 500);
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let node = scene.serve("n1").await;
    let api = api.at(&node);
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    scene.restore().await;
    fs::remove_file(scene.path().join("artifacts/log-identity.json")).unwrap();
    broker.kill().await;

    let node = scene.serve("n1").await;
    assert_eq!(node.part("dispatch").await, None, "nobody knows better yet");
    broker.start_again().await;
    let part = until("the node is held", async || node.part("dispatch").await).await;
    assert!(part.to_string().contains("the mirror on Kafka was written up to"), "{part}");
    let body = json!({ "report": "risk", "version": "v1" });
    api.at(&node).post("/v1/reports", &body).await.problem(503, "unavailable");
    assert_eq!(node.terminate().await, Some(0));
    answer(&scene, &["recover", "import"], 0).await;
    let node = scene.serve("n1").await;
    scene.reconciled(&api.at(&node).publish("risk", "v2").await).await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!((sink.records.taken(), sent_twice(&sink)), (2, vec![]));
}

#[tokio::test]
async fn after_an_accepted_loss_the_log_goes_on_and_is_mirrored_under_another_name() {
    let mut scene = mirrored().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let node = scene.serve("n1").await;
    scene.reconciled(&api.at(&node).publish("risk", "v1").await).await;
    scene.mirror_at_head().await;
    let known = head(&scene).await;
    assert_eq!(node.terminate().await, Some(0));
    scene.restore().await;
    let done = answer(&scene, &["recover", "accept-loss", "--reason", "a drill"], 0).await;
    assert_eq!((&done["known"], &done["held"]), (&json!(known), &json!(0)));

    let node = scene.serve("n1").await;
    assert_eq!(node.part("dispatch").await, None, "it is not held");
    let follower = format!("follower mirror-{}", scene.setting("mirror.name"));
    until("its mirror stands still", async || {
        let part = node.part(&follower).await?.to_string();
        part.contains("the log is not the one").then_some(())
    })
    .await;
    assert_eq!(node.terminate().await, Some(0));
    let anew = format!("{}-2", scene.setting("mirror.name"));
    scene.put("mirror.name", anew);
    let node = scene.serve("n1").await;
    scene.reconciled(&api.at(&node).publish("risk", "v2").await).await;
    scene.mirror_at_head().await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!(answer(&scene, &["mirror", "verify"], 0).await["through"], head(&scene).await);
    assert_eq!((sink.records.taken(), sent_twice(&sink)), (2, vec![]));
}

#[tokio::test]
async fn a_loss_is_accepted_on_record_and_what_may_have_been_sent_waits_for_a_person() {
    let mut scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("slow", "webhook", &sink.url("/sick"), "risk").await;
    let version = api.publish("risk", "v1").await;
    until("a first attempt has failed", async || (!sink.records.is_empty()).then_some(())).await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let at_backup = head(&scene).await;
    let node = scene.serve("n1").await;
    sink.heal();
    scene.reconciled(&version).await;
    let known = head(&scene).await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!(sink.records.taken(), 1);
    scene.restore().await;

    let list = answer(&scene, &["recover", "list"], 1).await;
    let lost = list["lost_through"].as_i64().unwrap();
    assert!(at_backup < lost && lost <= known, "{list}");
    let ended = scene.waybill(&["recover", "import"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("kafka.brokers: must be set"), "{}", ended.stderr);
    let words = ["recover", "accept-loss", "--reason", "the disk burned"];
    let done = answer(&scene, &words, 0).await;
    assert_eq!((&done["head"], &done["known"]), (&json!(at_backup), &json!(lost)));
    assert_eq!((&done["held"], &done["paused_tenants"]), (&json!(1), &json!(0)));
    assert_eq!(answer(&scene, &words, 0).await["accepted"], false, "it is on record once");
    let told = "select payload::text from events where event_type = $1";
    let told = scene.texts(told, "LossAccepted").await;
    let expected = json!({ "head": at_backup, "known": lost, "reason": "the disk burned" });
    assert_eq!(told.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&told[0]).unwrap(), expected);
    let used_again = "select count(*) from events where position > $1::bigint and position <= ";
    let used_again = format!("{used_again}{lost}");
    assert_eq!(scene.count(&used_again, &at_backup.to_string()).await, 0);

    let node = scene.serve("n1").await;
    let api = api.at(&node);
    quiet(&sink).await;
    answer(&scene, &["queue", "check"], 0).await;
    let delivery = scene.delivery_to(&version, "slow").await;
    let resolve = format!("/v1/deliveries/{delivery}/resolve");
    let attempt = "select max((payload->>'attempt')::bigint) from events where aggregate_id = $1";
    let attempt = scene.count(attempt, &delivery).await;
    let found = json!({ "attempt": attempt, "resolution": "arrived", "note": "asked" });
    api.post(&resolve, &found).await.ok();
    scene.reconciled(&version).await;
    scene.reconciled(&api.publish("risk", "v2").await).await;
    assert_eq!(node.terminate().await, Some(0));
    assert_eq!(sink.records.taken(), 2);
    assert_eq!(sent_twice(&sink), Vec::<String>::new());
    let node = scene.serve("n1").await;
    assert_eq!(node.part("dispatch").await, None, "it is not held");
    assert_eq!(node.terminate().await, Some(0));
}
