//! What operators look at: the probes and the counts, on an address of their own and on the public one.

use std::fs;
use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{Api, Node, Scene, answer, http, until};

async fn open(url: &str, path: &str) -> (u16, String) {
    let answer = http().get(format!("{url}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// `/readyz` as anyone sees it.
async fn public(node: &Node) -> (u16, Value) {
    let (status, text) = open(&node.url, "/readyz").await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn operators_have_an_address_of_their_own_until_the_node_has_stopped() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    assert_eq!(open(&node.ops_url, "/healthz").await.0, 200);
    assert_eq!(node.readiness().await.0, 200);
    let (status, counts) = open(&node.ops_url, "/metrics").await;
    assert_eq!(status, 200);
    assert!(counts.contains("waybill_"), "{counts}");
    assert_eq!(open(&node.ops_url, "/v1/reports").await.0, 404);
    assert_eq!(open(&node.url, "/metrics").await.0, 401);
    let ops_url = node.ops_url.clone();
    assert_eq!(node.terminate().await, Some(0));
    let gone = http().get(format!("{ops_url}/healthz")).send().await.unwrap_err();
    assert!(gone.is_connect(), "{gone}");
}

#[tokio::test]
async fn an_address_for_operators_that_is_taken_or_none_is_named() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let taken = node.ops_url.trim_start_matches("http://").to_owned();
    for (given, why) in [(taken.as_str(), "cannot be listened on"), ("nowhere", "must be")] {
        let mut command = scene.command();
        command.env("WAYBILL_API__BIND", "127.0.0.1:0").env("WAYBILL_API__OPS_BIND", given);
        let ended = crate::support::run(command, &["serve"]).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("api.ops_bind"), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_public_learns_whether_it_is_ready_and_operators_why() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let system = scene.key_of("system").await;
    let node = scene.serve("n1").await;
    let (acme, system) = (Api::of(&node, &key), Api::of(&node, &system));
    acme.report("risk").await;
    let spoil = "update checkpoints set poison_position = 3, poison_error = 'kanarienvogel' \
        where name = 'reports' returning 1::bigint";
    let mut owner = scene.connect("WAYBILL_DATABASE__OWNER_URL").await;
    sqlx::query(spoil).execute(&mut owner).await.unwrap();
    let told = until("operators are told", async || {
        let part = node.part("follower reports").await.unwrap();
        part.to_string().contains("kanarienvogel").then_some(part)
    })
    .await;
    assert_eq!(told["ok"], json!(false));
    assert!(told["facts"]["position"].is_number(), "{told}");

    let (status, said) = public(&node).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["ready"], json!(true));
    assert_eq!(said["degraded"], json!(["follower reports"]));
    let parts = json!([{
        "name": "follower reports", "ok": false, "required": false,
        "reason": "it stands still at an event",
    }]);
    assert_eq!(said["parts"], parts, "nothing more than that is anyone's");
    assert_eq!(acme.get("/readyz").await.ok(), said, "a tenant's key shows no more");
    let whole = system.get("/readyz").await.ok();
    assert!(whole.to_string().contains("kanarienvogel"), "{whole}");
    let names: Vec<_> = whole["parts"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names.iter().filter(|name| **name == "database").count(), 1, "{names:?}");
}

#[tokio::test]
async fn a_follower_that_nobody_runs_is_named() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let mut owner = scene.connect("WAYBILL_DATABASE__OWNER_URL").await;
    let orphan = "update checkpoints set lease_until = now() + interval '1 second', node = 'gone', \
        epoch = epoch + 1 where name = 'reports'";
    sqlx::query(orphan).execute(&mut owner).await.unwrap();
    // Nobody can take it over while its row is held.
    let mut held = owner.begin().await.unwrap();
    let hold = "select name from checkpoints where name = 'reports' for update";
    sqlx::query(hold).execute(&mut *held).await.unwrap();
    let part = until("it is named", async || {
        let part = node.part("follower reports").await.unwrap();
        (part["ok"] == json!(false)).then_some(part)
    })
    .await;
    assert_eq!(part["reason"], "nobody runs it", "{part}");
    held.rollback().await.unwrap();
    until("it runs again", async || {
        let part = node.part("follower reports").await.unwrap();
        (part["ok"] == json!(true)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_directory_that_takes_no_file_is_not_ready_for_reports() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let incoming = scene.path().join("artifacts/.incoming");
    fs::rename(&incoming, scene.path().join("elsewhere")).unwrap();
    let said = until("it is not ready", async || {
        let (status, said) = node.readiness().await;
        (status == 503).then_some(said)
    })
    .await;
    assert_eq!(said["ready"], json!(false));
    let part = node.part("artifacts").await.unwrap();
    assert_eq!((&part["ok"], &part["required"]), (&json!(false), &json!(true)), "{part}");
    let (status, said) = public(&node).await;
    assert_eq!(status, 503);
    assert!(!said.to_string().contains(scene.path().to_str().unwrap()), "{said}");
    fs::rename(scene.path().join("elsewhere"), &incoming).unwrap();
    until("it is ready again", async || (node.readiness().await.0 == 200).then_some(())).await;
}

#[tokio::test]
async fn readiness_is_asked_for_once_however_often_it_is_looked_at() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let asked = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements \
        where query like '%from public.checkpoints%order by name%' and dbid = \
        (select oid from pg_database where datname = current_database()) and $1 = $1";
    let extension = "create extension if not exists pg_stat_statements";
    let mut admin = scene.admin().await;
    sqlx::query(extension).execute(&mut admin).await.unwrap();
    let before = scene.count_as(&mut admin, asked).await;
    let started = Instant::now();
    let http = http();
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        looks.spawn(http.get(format!("{}/readyz", node.url)).send());
    }
    for look in looks.join_all().await {
        assert_eq!(look.unwrap().status(), 200);
    }
    let most = 2 + i64::try_from(started.elapsed().as_millis() / 500).unwrap();
    let calls = scene.count_as(&mut admin, asked).await - before;
    assert!(calls <= most, "200 looks asked {calls} times, at most {most} were due");
}

#[tokio::test]
async fn a_key_that_is_wrong_shows_no_more_than_none() {
    let scene = Scene::set().await;
    let node = scene.serve("n1").await;
    let stranger = Api::of(&node, "wb_1234_c2VjcmV0");
    until("nothing limps", async || {
        let said = answer(stranger.request(Method::GET, "/readyz")).await.ok();
        (said == json!({ "ready": true, "degraded": [], "parts": [] })).then_some(())
    })
    .await;
}
