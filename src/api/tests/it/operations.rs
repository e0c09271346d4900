use axum::http::Method;
use schema::events::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, Api, request};

async fn open(api: &Api, path: &str) -> Answer {
    api.send(request("", Method::GET, path, None, &[])).await
}

fn part<'a>(view: &'a Value, name: &str) -> &'a Value {
    let parts = view["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap()
}

const FIELD: &str = "at_least_position";

#[tokio::test]
async fn readiness_names_what_limps_and_why() {
    let api = Api::start().await;
    let view = open(&api, "/readyz").await.ok(200);
    let reason = "an open transaction holds it up";
    let tail = json!({ "name": "tail", "ok": false, "required": false, "reason": reason });
    assert_eq!(view, json!({ "ready": true, "degraded": ["tail"], "parts": [tail] }));
    api.tenant("system").await;
    let key = api.key_of("system", &[Scope::Operate]).await;
    let asked = request(&key, Method::GET, "/readyz", None, &[]);
    let view = api.send(asked).await.ok(200);
    assert_eq!(part(&view, "database")["ok"], true);
    assert_eq!(part(&view, "vault")["ok"], true);
    assert_eq!(part(&view, "tail")["detail"], "held up by backend 4711");
    assert_eq!(part(&view, "tail")["facts"]["blocked_ms"], 1200);
}

#[tokio::test]
async fn without_its_database_nothing_is_acknowledged() {
    let api = Api::start().await;
    api.audience().await;
    api.ledger.ledger.close().await;
    let view = open(&api, "/readyz").await;
    assert_eq!(view.status, 503);
    assert_eq!(part(&view.json(), "database")["ok"], false);
    let put = api.put("/v1/reports/other", json!({ "title": "t", "owner": "o" })).await;
    assert_eq!(put.problem(503)["code"], "unavailable");
    assert!(!put.header("retry-after").is_empty());
    let published = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await;
    assert_eq!(published.problem(503)["code"], "unavailable");
    assert_eq!(api.get("/v1/reports").await.problem(503)["code"], "unavailable");
    assert_eq!(open(&api, "/healthz").await.ok(200)["status"], "ok");
}

#[tokio::test]
async fn nobody_waits_for_a_position_that_is_not_yet_written() {
    let api = Api::start().await;
    let head = api.ledger.ledger.head().await.unwrap().0;
    for ahead in [head + 1, 1 << 53] {
        let problem = api.get(&format!("/v1/reports?at_least_position={ahead}")).await.problem(422);
        assert_eq!((&problem["code"], &problem["field"]), (&"invalid".into(), &FIELD.into()));
        assert_eq!(problem["value"], ahead.to_string());
        assert_eq!(problem["rule"], format!("must not lie ahead of the log, which is at {head}"));
        let ahead = ahead.to_string();
        let headers = [("waybill-at-least-position", ahead.as_str())];
        let answer = api.send(request(&api.key, Method::GET, "/v1/reports", None, &headers)).await;
        assert_eq!(answer.problem(422)["field"], FIELD);
    }
}

#[tokio::test]
async fn a_read_model_that_stands_still_is_a_problem_within_bounds() {
    let api = Api::start_with(|config| config.position_wait_ms = 20).await;
    api.folded.stand_still();
    let put = api.put("/v1/reports/risk", json!({ "title": "Risk", "owner": "desk" })).await;
    let position = put.position();
    let answer = api.get(&format!("/v1/reports?at_least_position={position}")).await;
    let problem = answer.problem(504);
    assert_eq!(problem["code"], "position_not_reached");
    assert_eq!(
        (&problem["field"], &problem["value"]),
        (&FIELD.into(), &json!(position.to_string()))
    );
    assert!(problem["rule"].is_string(), "{problem}");
}

#[tokio::test]
async fn what_was_written_is_read_at_its_position() {
    let api = Api::start().await;
    let put = api.put("/v1/reports/risk", json!({ "title": "Risk", "owner": "desk" })).await;
    let path = format!("/v1/reports/risk?at_least_position={}", put.position());
    assert_eq!(api.get(&path).await.ok(200)["title"], "Risk");
}

#[tokio::test]
async fn every_wrong_value_of_the_configuration_is_named() {
    let good = waybill_api::ApiConfig::default();
    assert_eq!(good.wrong(), []);
    let wrong = waybill_api::ApiConfig {
        request_limit: 0,
        ops_bind: Some("8081".to_owned()),
        public_url: "waybill".to_owned(),
        ..good
    };
    let named: Vec<_> = wrong.wrong().into_iter().map(|invalid| invalid.field).collect();
    assert_eq!(named, ["api.request_limit", "api.ops_bind", "api.public_url"]);
}
