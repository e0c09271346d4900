//! `waybill doctor` on a system that is stuck: each thing in the way is told in a sentence.

use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{Api, Scene, until};

fn says(findings: &Value, part: &str) -> Option<(bool, String)> {
    let found = findings.as_array()?.iter().find(|finding| finding["part"] == part)?;
    Some((found["ok"].as_bool()?, found["says"].as_str()?.to_owned()))
}

#[tokio::test]
async fn what_is_paused_what_is_due_and_who_holds_up_the_log_is_told() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", "https://hooks.example.com/in", "risk").await;
    let pause = json!({ "scope": { "kind": "all" }, "reason": "the relay moves" });
    assert_eq!(api.post("/v1/pauses", &pause).await.status, 200);
    api.publish("risk", "v1").await;

    let findings = until("the pause is told", async || {
        let ended = scene.waybill(&["doctor", "--output", "json"]).await;
        let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
        says(&findings, "pause").and(says(&findings, "queue first webhook")).map(|_| findings)
    })
    .await;
    let (ok, pause) = says(&findings, "pause").unwrap();
    assert!(ok && pause.starts_with("all of tenant acme is held back since"), "{pause}");
    assert!(pause.contains("\"the relay moves\""), "{pause}");
    let (ok, queue) = says(&findings, "queue first webhook").unwrap();
    assert!(ok && queue.starts_with("1 rows, "), "{queue}");

    let mut holder = scene.admin().await;
    let mut open = holder.begin().await.unwrap();
    sqlx::query("select nextval('events_position_seq')").execute(&mut *open).await.unwrap();
    api.report("other").await;
    let told = until("the session is told", async || {
        let ended = scene.waybill(&["doctor"]).await;
        (ended.code == Some(1)).then_some(ended.stdout)
    });
    let told = told.await;
    assert!(told.contains("held up by") && told.contains("End that transaction"), "{told}");
    open.rollback().await.unwrap();
}
