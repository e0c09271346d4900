use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};
use sqlx::Executor;

use crate::support::{Api, Ended, Scene, until};

const OWNER: &str = "WAYBILL_DATABASE__OWNER_URL";
const ADMIN: &str = "WAYBILL_TEST_ADMIN_URL";

async fn rebuild(scene: &Scene) -> (Option<i32>, Value) {
    let ended = scene.waybill(&["projections", "rebuild", "--all", "--output", "json"]).await;
    let said = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    (ended.code, said)
}

async fn check(scene: &Scene) -> Ended {
    scene.waybill(&["queue", "check"]).await
}

/// Waits until every read model has seen the last event.
async fn caught_up(scene: &Scene) {
    until("the read models are at the end", async || {
        let ended = scene.waybill(&["projections", "status", "--output", "json"]).await;
        let all: Value = serde_json::from_str(&ended.stdout).unwrap();
        let all = all.as_array().unwrap();
        (!all.is_empty() && all.iter().all(|one| one["lag"] == 0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn rebuild_and_queue_check_agree_until_someone_tampers_and_then_name_it() {
    let scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    for (name, path) in [("a", "/ok"), ("b", "/flaky/1"), ("c", "/broken")] {
        api.recipient(name, "webhook", &sink.url(path), "risk").await;
    }
    let first = api.publish("risk", "v1").await;
    scene.reconciled(&first).await;
    let pause = json!({ "scope": { "kind": "all" }, "reason": "the test looks at open ones" });
    api.post("/v1/pauses", &pause).await.ok();
    let open = api.publish("risk", "v2").await;
    let held = scene.delivery_to(&open, "a").await;
    caught_up(&scene).await;

    let (code, said) = rebuild(&scene).await;
    assert_eq!((code, &said["equal"]), (Some(0), &json!(true)), "{said}");
    for report in said["reports"].as_array().unwrap() {
        assert_eq!(report["live_digest"], report["rebuilt_digest"], "{report}");
    }
    let ended = check(&scene).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("equal: 6 deliveries read, 3 open"), "{}", ended.stdout);
    assert_eq!(node.terminate().await, Some(0));

    let closed = scene.delivery_to(&first, "b").await;
    let corrupt = format!("update read.deliveries set attempts = 9 where delivery = '{closed}'");
    let touched = scene.connect(OWNER).await.execute(corrupt.as_str()).await.unwrap();
    assert_eq!(touched.rows_affected(), 1);
    let drop = format!("delete from delivery_queue where delivery = '{held}'");
    let touched = scene.connect(ADMIN).await.execute(drop.as_str()).await.unwrap();
    assert_eq!(touched.rows_affected(), 1);

    let ended = check(&scene).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains(&held), "the dropped row is not named: {}", ended.stdout);
    assert!(ended.stdout.contains("row missing"), "{}", ended.stdout);
    let (code, said) = rebuild(&scene).await;
    assert_eq!((code, &said["equal"]), (Some(1), &json!(false)), "{said}");
    assert!(said.to_string().contains(&closed), "the corrupted row is not named: {said}");

    assert_eq!(rebuild(&scene).await.0, Some(0), "the rebuilt tables are live");
    assert_eq!(scene.waybill(&["queue", "rebuild"]).await.code, Some(0));
    assert_eq!(check(&scene).await.code, Some(0));
}
