//! A webhook set, tried out and given other keys by the command line; what arrives is verified by software not ours.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::{Api, Ended, Hook, Received, Scene, until};

fn verifies(secret: &str, received: &Received) -> bool {
    Webhook::new(secret).unwrap().verify(&received.body, &received.headers).is_ok()
}

/// `waybill destinations …` as whoever has this key.
async fn destinations(scene: &Scene, url: &str, key: &str, words: &[&str]) -> Ended {
    let common = ["--url", url, "--key", key, "--output", "json"];
    scene.waybill(&[&["destinations"], words, &common].concat()).await
}

#[tokio::test]
async fn a_webhook_is_set_tried_out_and_given_other_keys_by_the_command_line() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let (api, hook) = (Api::of(&node, &key), Hook::start().await);
    api.report("risk").await;
    let told = api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;
    let first = told["secret"].as_str().unwrap().to_owned();
    let ask = async |words: &[&str]| destinations(&scene, &node.url, &key, words).await;

    let file = scene.path().join("headers.json");
    std::fs::write(&file, r#"{"authorization": "Bearer t0ken"}"#).unwrap();
    let file = file.display().to_string();
    let set =
        ["set", "desk", "main", "--payload", "thin", "--signing", "both", "--headers-file", &file];
    let set = ask(&set).await;
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let tried = ask(&["test", "desk", "main"]).await;
    assert_eq!(tried.code, Some(0), "{}{}", tried.stdout, tried.stderr);
    let answer: Value = serde_json::from_str(&tried.stdout).unwrap();
    assert_eq!((&answer["ok"], &answer["status"]), (&json!(true), &json!(204)));
    let received = hook.received().remove(0);
    assert!(verifies(&first, &received));
    assert_eq!(received.headers["authorization"], "Bearer t0ken");
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(body["type"], "waybill.test");
    // At once again is too soon, and nothing was recorded as a delivery.
    let soon = ask(&["test", "desk", "main"]).await;
    assert_eq!(soon.code, Some(1));
    assert!(soon.stderr.contains("once in 5 seconds"), "{}", soon.stderr);
    assert_eq!(
        scene.count("select count(*) from delivery_queue where tenant = $1", "acme").await,
        0
    );

    let rotated = ask(&["rotate", "desk", "main", "--overlap-s", "600"]).await;
    let rotated: Value = serde_json::from_str(&rotated.stdout).unwrap();
    let second = rotated["secret"].as_str().unwrap();
    api.publish("risk", "v1").await;
    let report = until("the report arrives", async || hook.received().get(1).cloned()).await;
    assert!(verifies(&first, &report) && verifies(second, &report));
    let body: Value = serde_json::from_slice(&report.body).unwrap();
    assert_eq!(
        (&body["type"], body["data"].get("attributes")),
        (&json!("report.version.published"), None)
    );
    let shown = ask(&["show", "desk", "main"]).await;
    assert!(shown.stdout.contains("whpk_") && !shown.stdout.contains("t0ken"), "{}", shown.stdout);
}
