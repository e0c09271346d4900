//! A subscription tried on versions of the past, before it is made.

use serde_json::{Value, json};

use crate::support::{Api, Ended, Node, Scene, run, until};

async fn tried(scene: &Scene, node: &Node, key: &str, words: &[&str]) -> Ended {
    let mut command = scene.command();
    command.env("WAYBILL_URL", &node.url).env("WAYBILL_KEY", key);
    run(command, &[&["subscriptions", "preview"], words].concat()).await
}

async fn told(scene: &Scene, node: &Node, key: &str, words: &[&str]) -> Value {
    let ended = tried(scene, node, key, &[words, &["--output", "json"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn decisions(told: &Value) -> Vec<Value> {
    let rows = told["rows"].as_array().unwrap().iter();
    rows.flat_map(|row| row["decisions"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn what_was_tried_is_what_happens_once_it_is_subscribed() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("ada", "webhook", "http://127.0.0.1:9000/x", "risk").await;
    api.put("/v1/recipients/bob", &json!({ "kind": "person" })).await.ok();
    api.publish("risk", "v1").await;
    api.publish("risk", "v2").await;
    let bob = ["--recipient", "bob", "--report", "risk", "--channels", "inbox"];
    let before = until("both versions are read", async || {
        let told = told(&scene, &node, &key, &bob).await;
        (told["rows"].as_array().unwrap().len() == 2).then_some(told)
    });
    let before = before.await;
    let refused = json!({ "recipient": "bob", "planned": false, "reason": "not_entitled" });
    assert_eq!(decisions(&before), [refused.clone(), refused]);
    assert!(before["position"].as_i64().unwrap() > 0, "{before}");

    let grant = json!({ "report": "risk" });
    api.put("/v1/recipients/bob/entitlements/all", &grant).await.ok();
    let planned = json!({ "recipient": "bob", "planned": true, "channel": "inbox" });
    let after = told(&scene, &node, &key, &bob).await;
    assert_eq!(decisions(&after), [planned.clone(), planned]);
    let ended = tried(&scene, &node, &key, &bob).await;
    assert!(ended.stdout.contains("bob: 2 × inbox"), "{}", ended.stdout);
    let listed = api.get("/v1/subscriptions?recipient=bob").await.ok();
    assert_eq!(listed["rows"], json!([]), "something was written");

    let body = json!({
        "recipient": "bob", "selector": { "report": "risk" }, "preferences": { "channels": ["inbox"] }
    });
    api.put("/v1/subscriptions/bob-risk", &body).await.ok();
    let third = api.publish("risk", "v3").await;
    scene.delivery_to(&third, "bob").await;
}

#[tokio::test]
async fn a_body_is_read_from_a_file_and_what_is_wrong_with_it_is_told() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("ada", "webhook", "http://127.0.0.1:9000/x", "risk").await;
    api.publish("risk", "v1").await;
    let file = scene.path().join("wish.yaml");
    let words = ["--file", file.to_str().unwrap()];
    let text = "recipient: ada\nselector: { report: risk }\npreferences:\n  channels: [webhook]\n";
    std::fs::write(&file, text).unwrap();
    let found = until("the version is read", async || {
        decisions(&told(&scene, &node, &key, &words).await).into_iter().next()
    });
    assert_eq!(found.await["same_delivery"], "ada");
    let ended = tried(&scene, &node, &key, &words).await;
    let said = "ada: 1 × webhook, led to by ada already";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    let own = told(&scene, &node, &key, &[&words[..], &["--id", "ada"]].concat()).await;
    assert_eq!(own["rows"][0]["same_delivery"], 0);
    let attribute = ["--recipient", "ada", "--report", "risk", "--attribute", "region=EU"];
    let none = told(&scene, &node, &key, &attribute).await;
    assert_eq!((&none["rows"][0]["matches"], decisions(&none)), (&json!(false), vec![]));

    for (text, said) in [
        (text.replace("recipient: ada", "recipient: nobody"), "nobody"),
        (text.replace("report: risk", "report: nope"), "selector.report"),
        (text.replace("channels:", "channels: ["), "wish.yaml:"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ended = tried(&scene, &node, &key, &words).await;
        assert!(ended.code == Some(1) && ended.stderr.contains(said), "{}", ended.stderr);
    }
}
