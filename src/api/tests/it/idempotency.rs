use axum::body::Body;
use axum::http::{Method, Request};
use schema::Sha256;
use serde_json::{Value, json};

use crate::publishing::{end, multipart, part};
use crate::support::Api;

const REPLAYED: &str = "idempotency-replayed";
const KEY: (&str, &str) = ("idempotency-key", "k-1");

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_does_nothing_twice() {
    let api = Api::start().await;
    api.audience().await;
    let body = json!({
        "recipient": "bob", "selector": { "report": "risk" },
        "preferences": { "channels": ["mail"] }
    });
    let first = api.with(Method::POST, "/v1/subscriptions", body.clone(), &[KEY]).await;
    first.ok(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let count = api.event_count().await;
    let again = api.with(Method::POST, "/v1/subscriptions", body, &[KEY]).await;
    assert_eq!(again.ok(201), first.json());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(api.event_count().await, count);
}

#[tokio::test]
async fn the_same_key_for_another_request_is_refused() {
    let api = Api::start().await;
    let put = |title: &str, path: &'static str| {
        let body = json!({ "title": title, "owner": "o" });
        let api = &api;
        async move { api.with(Method::PUT, path, body, &[KEY]).await }
    };
    put("one", "/v1/reports/risk").await.ok(201);
    for other in [put("two", "/v1/reports/risk").await, put("one", "/v1/reports/other").await] {
        let problem = other.problem(422);
        assert_eq!(problem["code"], "idempotency_key_reused");
        assert_eq!(problem["field"], "Idempotency-Key");
    }
    let second = api.key_of("acme", &schema::events::Scope::ALL).await;
    let path = "/v1/reports/other";
    let body = json!({ "title": "one", "owner": "o" });
    let request = crate::support::request(&second, Method::PUT, path, Some(body), &[KEY]);
    api.send(request).await.ok(201);
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_remembered_as_well() {
    let api = Api::start().await;
    let body = json!({ "title": "one", "owner": "o" });
    api.put("/v1/reports/risk", body.clone()).await.ok(201);
    api.with(Method::PUT, "/v1/reports/risk", body.clone(), &[KEY]).await.ok(200);
    api.put("/v1/reports/risk", json!({ "title": "two", "owner": "o" })).await.ok(200);
    let again = api.with(Method::PUT, "/v1/reports/risk", body, &[KEY]).await;
    assert_eq!(again.ok(200)["sequence"], 1);
    let view = api.get("/v1/reports/risk?at_least_position=1").await.ok(200);
    assert_eq!(view["title"], "two");
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let api = Api::start().await;
    let pause = |api| async move {
        let body = json!({ "reason": "on leave" });
        let api: &Api = api;
        api.with(Method::POST, "/v1/subscriptions/bob-risk/pause", body, &[KEY]).await
    };
    assert_eq!(pause(&api).await.problem(404)["rule"], "not_subscribed");
    api.audience().await;
    pause(&api).await.ok(200);
}

#[tokio::test]
async fn many_at_once_under_one_key_make_one_change() {
    let api = Api::start().await;
    api.audience().await;
    let body = json!({
        "recipient": "bob", "selector": { "report": "*" }, "preferences": { "channels": ["mail"] }
    });
    let send = || api.with(Method::POST, "/v1/subscriptions", body.clone(), &[KEY]);
    let answers = futures::future::join_all((0..16).map(|_| send())).await;
    let ids: std::collections::HashSet<String> =
        answers.iter().map(|a| a.ok(201)["subscription"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let fresh = answers.iter().filter(|a| a.header("idempotency-replayed").is_empty()).count();
    assert_eq!(fresh, 1);
}

#[tokio::test]
async fn a_publication_is_replayed_with_its_first_outcome() {
    let api = Api::start().await;
    api.audience().await;
    let body = json!({ "report": "risk", "version": "v1" });
    let first = api.with(Method::POST, "/v1/reports", body.clone(), &[KEY]).await.ok(201);
    let again = api.with(Method::POST, "/v1/reports", body.clone(), &[KEY]).await;
    let mut told = again.ok(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert!(told["position"].as_i64() >= first["position"].as_i64());
    told["position"] = first["position"].clone();
    assert_eq!(told, first);
    // Under another key it was there already, and stays so however often that key asks.
    let other = ("idempotency-key", "k-2");
    for _ in 0..2 {
        let repeated = api.with(Method::POST, "/v1/reports", body.clone(), &[other]).await;
        assert_eq!(repeated.ok(200)["repeated"], true);
    }
    let changed = json!({ "report": "risk", "version": "v2" });
    let reused = api.with(Method::POST, "/v1/reports", changed, &[KEY]).await;
    assert_eq!(reused.problem(422)["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_multipart_publication_with_another_file_is_another_request() {
    let api = Api::start().await;
    api.audience().await;
    let said: Value = json!({
        "report": "risk", "version": "v1", "artifacts": [{ "name": "a.csv", "format": "csv" }]
    });
    let body = |content: &str| part("report", &said.to_string()) + &part("a.csv", content) + &end();
    multipart(&api, body("1"), &[KEY]).await.ok(201);
    assert_eq!(multipart(&api, body("1"), &[KEY]).await.header("idempotency-replayed"), "true");
    let other = multipart(&api, body("2"), &[KEY]).await;
    assert_eq!(other.problem(422)["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_publication_is_replayed_before_its_if_match_is_compared() {
    let api = Api::start().await;
    api.audience().await;
    let body = json!({ "report": "risk", "version": "v1" });
    let exists = [KEY, ("if-match", "*")];
    let early = api.with(Method::POST, "/v1/reports", body.clone(), &exists).await;
    assert_eq!(early.problem(412)["code"], "stale");
    let new = [KEY, ("if-match", "\"0\"")];
    api.with(Method::POST, "/v1/reports", body.clone(), &new).await.ok(201);
    let again = api.with(Method::POST, "/v1/reports", body.clone(), &new).await;
    again.ok(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let late = [("if-match", "\"0\"")];
    let late = api.with(Method::POST, "/v1/reports", body, &late).await;
    assert_eq!(late.problem(412)["code"], "stale");
    // What was taken is replayed, whatever has become of the report since.
    api.delete("/v1/reports/risk").await.ok(200);
    let body = json!({ "report": "risk", "version": "v1" });
    api.with(Method::POST, "/v1/reports", body, &[KEY]).await.ok(201);
}

#[tokio::test]
async fn what_the_command_log_keeps_of_a_body_cannot_be_tried_out() {
    let api = Api::start().await;
    let path = "/v1/recipients/ada";
    let body = json!({ "kind": "person", "name": "Ada Lovelace" });
    api.with(Method::PUT, path, body.clone(), &[KEY]).await.ok(201);
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select body_sha256 from command_log")
        .fetch_all(api.ledger.ledger.pool())
        .await
        .unwrap();
    let mut guess = format!("PUT {path}\0").into_bytes();
    guess.extend_from_slice(Sha256::of(body.to_string().as_bytes()).as_bytes());
    assert_eq!(kept.len(), 1);
    assert_ne!(kept[0], Sha256::of(&guess).as_bytes());
    api.with(Method::PUT, path, body, &[KEY]).await.ok(201);
}

#[tokio::test]
async fn no_event_names_an_idempotency_key() {
    let api = Api::start().await;
    api.audience().await;
    let key = [("idempotency-key", "canary-key")];
    let body = json!({ "report": "risk", "version": "v1" });
    api.with(Method::POST, "/v1/reports", body, &key).await.ok(201);
    let withdraw = "/v1/reports/risk/versions/v1/withdraw";
    let key = [("idempotency-key", "canary-other")];
    api.with(Method::POST, withdraw, json!({ "reason": "x" }), &key).await.ok(200);
    let head = api.ledger.ledger.head().await.unwrap();
    let rows = api.ledger.ledger.read(schema::Position::START, head, 1000, None).await.unwrap();
    for row in &rows {
        assert!(!row.metadata.contains("canary"), "{}", row.metadata);
    }
    assert_eq!(rows.iter().filter(|row| row.metadata.contains("\"command\"")).count(), 4);
}

#[tokio::test]
async fn an_upload_is_replayed_and_its_key_stands_for_its_bytes() {
    let api = Api::start().await;
    let upload = |content: &'static str, key: (&'static str, &'static str)| {
        let request = Request::post("/v1/artifacts")
            .header("authorization", format!("Bearer {}", api.key))
            .header(key.0, key.1);
        api.send(request.body(Body::from(content)).unwrap())
    };
    let first = upload("one", KEY).await;
    assert_eq!((first.ok(201)["size_bytes"].as_i64(), first.header(REPLAYED)), (Some(3), ""));
    let again = upload("one", KEY).await;
    assert_eq!((again.ok(201), again.header(REPLAYED)), (first.json(), "true"));
    assert_eq!(again.header("location"), first.header("location"));
    let problem = upload("two", KEY).await.problem(422);
    assert_eq!(problem["code"], "idempotency_key_reused");
    assert_eq!(problem["field"], "Idempotency-Key");
    upload("two", ("idempotency-key", "k-2")).await.ok(201);
    let other = json!({ "title": "one", "owner": "o" });
    let other = api.with(Method::PUT, "/v1/reports/risk", other, &[KEY]).await;
    assert_eq!(other.problem(422)["code"], "idempotency_key_reused");
}
