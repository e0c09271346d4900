use std::fs;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sink::{WebhookSink, WebhookSinkConfig};

use crate::support::{Api, Scene, answer, until};

/// How long nothing must be sent: several turns of every loop that could.
const QUIET: Duration = Duration::from_millis(1_500);

fn known_position(scene: &Scene) -> Option<i64> {
    let text = fs::read(scene.path().join("artifacts/log-identity.json")).ok()?;
    let stored: Value = serde_json::from_slice(&text).unwrap();
    stored["position"].as_i64()
}

/// Every change the API's description knows, with something in the place of each parameter.
async fn changes(api: &Api) -> Vec<(Method, String)> {
    let document = api.get("/openapi.json").await.ok();
    let mut changes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Signing in, a link and trying out change nothing, whatever their method.
        if ["/tokens", "/preference-links", "/preview"].iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let path: Vec<_> = path.split('/').map(filled).collect();
        for method in operations.as_object().unwrap().keys().filter(|method| *method != "get") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            changes.push((method, path.join("/")));
        }
    }
    changes
}

fn filled(part: &str) -> &str {
    match part {
        "{delivery}" => "00000000-0000-0000-0000-000000000001",
        part if part.starts_with('{') => "desk",
        part => part,
    }
}

#[tokio::test]
async fn over_a_restored_backup_a_node_says_so_and_sends_nothing() {
    let mut scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let at_backup = scene.count("select max(position) from events where $1 = $1", "").await;

    let node = scene.serve("n1").await;
    let api = api.at(&node);
    scene.reconciled(&api.publish("risk", "after-backup").await).await;
    until("the newest checkpoint is kept outside", async || {
        known_position(&scene).filter(|position| *position > at_backup)
    })
    .await;
    assert_eq!(node.terminate().await, Some(0));
    let sent = sink.records.taken();
    assert_eq!(sent, 2);
    scene.restore().await;

    let doctor = scene.waybill(&["doctor"]).await;
    assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("log identity"), "{}", doctor.stdout);
    let node = scene.start("n1").await;
    let part = node.part("dispatch").await.expect("dispatch is named");
    assert_eq!(part["ok"], json!(false));
    assert!(part.to_string().contains("backup was restored"), "{part}");
    let (status, said) = node.readiness().await;
    assert_eq!(status, 503, "a node that is held takes no reports: {said}");

    let api = api.at(&node);
    let events = "select count(*) from events where $1 = $1";
    let restored = scene.count(events, "").await;
    let body = json!({ "report": "risk", "version": "after-restore" });
    api.post("/v1/reports", &body).await.problem(503, "unavailable");
    let changes = changes(&api).await;
    assert!(changes.len() > 20, "{changes:?}");
    for (method, path) in changes {
        let change = api.request(method.clone(), &path).json(&json!({}));
        let said = answer(change).await.problem(503, "unavailable");
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.contains("backup was restored"), "{method} {path}: {said}");
    }
    assert_eq!(api.get("/v1/recipients/desk").await.ok()["recipient"], "desk");
    let asked = api.graphql("{ recipients(first: 5) { totalCount } }", &json!({})).await;
    assert_eq!(asked["data"]["recipients"]["totalCount"], 1, "reads go on: {asked}");
    let started = Instant::now();
    while started.elapsed() < QUIET {
        assert_eq!(sink.records.taken(), sent, "something was sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(scene.count(events, "").await, restored, "something was written");
    let last = scene.count("select max(position) from events where $1 = $1", "").await;
    assert_eq!(last, at_backup);
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn a_backup_restored_under_a_running_node_stops_it_and_the_next_one() {
    let mut scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/ok"), "risk").await;
    assert_eq!(node.terminate().await, Some(0));
    scene.backup().await;
    let at_backup = scene.count("select max(position) from events where $1 = $1", "").await;
    let node = scene.serve("n1").await;
    let api = api.at(&node);
    scene.reconciled(&api.publish("risk", "after-backup").await).await;
    let sent = sink.records.taken();
    assert_eq!(sent, 1);

    scene.restore().await;

    let part = until("the node says so", async || node.part("dispatch").await).await;
    assert_eq!(part["ok"], json!(false));
    assert!(part.to_string().contains("backup was restored"), "{part}");
    let body = json!({ "report": "risk", "version": "after-restore" });
    api.post("/v1/reports", &body).await.problem(503, "unavailable");
    let known = until("the newest event we knew is kept", async || {
        known_position(&scene).filter(|position| *position > at_backup)
    });
    known.await;
    let started = Instant::now();
    while started.elapsed() < QUIET {
        assert_eq!(sink.records.taken(), sent, "something was sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.terminate().await, Some(0));
    assert!(known_position(&scene).unwrap() > at_backup, "what was known is kept");

    let node = scene.start("n1").await;
    assert_eq!(node.part("dispatch").await.unwrap()["ok"], json!(false));
    assert_eq!(node.terminate().await, Some(0));
}
