//! The master key is changed while nodes serve, and the process that changes it is killed on the way.

use std::process::Stdio;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::{Api, Hook, Scene, until};

const LATER: &str = "bGF0ZXIgbGF0ZXIgbGF0ZXIgbGF0ZXIgbGF0ZXIgMDE=";

/// What `waybill doctor` says of the vault.
async fn vault(scene: &Scene) -> (bool, String) {
    let ended = scene.waybill(&["doctor", "--output", "json"]).await;
    let findings: Value = serde_json::from_str(&ended.stdout).unwrap();
    let found = findings.as_array().unwrap().iter().find(|finding| finding["part"] == "vault");
    let found = found.unwrap();
    (found["ok"].as_bool().unwrap(), found["says"].as_str().unwrap().to_owned())
}

async fn keys(scene: &Scene) -> PgConnection {
    PgConnection::connect(scene.setting("vault.url")).await.unwrap()
}

#[tokio::test]
async fn the_master_key_is_changed_under_a_node_that_serves_and_a_kill_9_costs_nothing() {
    let mut scene = Scene::set().await;
    let key = scene.key().await;
    let before = scene.setting("vault.master_key").to_owned();
    let hook = Hook::start().await;
    {
        let node = scene.serve("n1").await;
        let api = Api::of(&node, &key);
        api.report("risk").await;
        api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;
        for number in 0..600 {
            let profile = json!({ "kind": "person", "name": "Ada" });
            api.put(&format!("/v1/recipients/p{number:04}"), &profile).await.ok();
        }
        node.terminate().await;
    }

    scene.put("vault.master_key", LATER);
    scene.put("vault.previous_master_keys", json!([before]));
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let (ok, says) = vault(&scene).await;
    assert!(!ok && says.contains("rotate-master"), "{says}");

    // The second batch waits for this row; there the process is killed.
    let mut holder = keys(&scene).await;
    let mut open = holder.begin().await.unwrap();
    let hold = "select subject from subject_keys where subject = 'p0590' for update";
    sqlx::query(hold).execute(&mut *open).await.unwrap();
    let mut command = scene.command();
    command.args(["keys", "rotate-master"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let done =
        "select count(*) from subject_keys where wrapped_by is not null and subject < 'p0590'";
    let mut looking = keys(&scene).await;
    until("the first batch is done", async || {
        let count: i64 = sqlx::query_scalar(done).fetch_one(&mut looking).await.unwrap();
        (count >= 500).then_some(())
    })
    .await;
    child.kill().await.unwrap();
    open.rollback().await.unwrap();
    let (ok, says) = vault(&scene).await;
    assert!(!ok && says.contains("rows"), "{says}");
    // Half and half: what is sealed under either key is sent and read.
    api.publish("risk", "v1").await;
    until("the report arrives", async || hook.received().first().cloned()).await;
    assert_eq!(api.get("/v1/recipients/p0599").await.ok()["name"], "Ada");

    let ended = scene.waybill(&["keys", "rotate-master"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (ok, says) = vault(&scene).await;
    assert!(ok && says.contains("can be emptied"), "{says}");
    node.terminate().await;
    scene.put("vault.previous_master_keys", "[]");
    let node = scene.serve("n1").await;
    // The API key was handed out under the key before.
    let api = Api::of(&node, &key);
    assert_eq!(api.get("/v1/recipients/p0001").await.ok()["name"], "Ada");
    api.publish("risk", "v2").await;
    until("the next report arrives", async || hook.received().get(1).cloned()).await;
    scene.put("vault.master_key", before);
    let (ok, says) = vault(&scene).await;
    assert!(!ok && says.contains("not the one this vault was set up with"), "{says}");
}
