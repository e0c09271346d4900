//! Keys that may subscribe some people to some reports.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Api, request};

fn wish(who: (&str, &str), report: &str) -> Value {
    let preferences = json!({ "channels": ["inbox"] });
    json!({ who.0: who.1, "selector": { "report": report }, "preferences": preferences })
}

/// Bob is a member of desk, which lies in floor; ann is of none. The key may subscribe floor to `sales-*`.
async fn portal(api: &Api) -> String {
    api.audience().await;
    for report in ["sales-eu", "sales-us"] {
        let body = json!({ "title": report, "owner": "desk" });
        api.put(&format!("/v1/reports/{report}"), body).await.ok(201);
    }
    api.put("/v1/recipients/ann", json!({ "kind": "person" })).await.ok(201);
    for group in ["floor", "desk"] {
        api.put(&format!("/v1/groups/{group}"), json!({ "title": group })).await.ok(201);
    }
    for member in ["floor/members/groups/desk", "desk/members/recipients/bob"] {
        let path = format!("/v1/groups/{member}");
        api.send(request(&api.key, Method::PUT, &path, None, &[])).await.ok(200);
    }
    let limits = json!({ "reports": ["sales-*"], "groups": ["floor"] });
    let scopes = ["subscribe", "read", "operate"];
    let body = json!({ "title": "portal", "scopes": scopes, "limits": limits });
    let issued = api.post("/v1/keys", body).await;
    let id = issued.ok(201)["key"].as_str().unwrap().to_owned();
    let path = format!("/v1/keys/{id}?at_least_position={}", issued.position());
    assert_eq!(api.get(&path).await.ok(200)["limits"], limits);
    issued.json()["secret"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer, field: &str, value: &str) {
    let problem = answer.problem(403);
    assert_eq!((&problem["field"], &problem["value"]), (&json!(field), &json!(value)), "{problem}");
    assert!(problem["rule"].as_str().unwrap().contains("the API key is limited"), "{problem}");
}

#[tokio::test]
async fn a_limited_key_subscribes_its_own_people_to_its_own_reports() {
    let api = Api::start().await;
    let key = portal(&api).await;
    let put = async |id: &str, body| {
        api.call(&key, Method::PUT, &format!("/v1/subscriptions/{id}"), body).await
    };
    put("s1", wish(("recipient", "bob"), "sales-eu")).await.ok(201);
    put("s2", wish(("group", "desk"), "sales-us")).await.ok(201);
    put("s3", wish(("group", "floor"), "sales-us")).await.ok(201);
    let other = put("s4", wish(("recipient", "bob"), "risk")).await;
    refused(&other, "selector.report", "risk");
    let every = put("s4", wish(("recipient", "bob"), "*")).await;
    refused(&every, "selector.report", "*");
    refused(&put("s4", wish(("recipient", "ann"), "sales-eu")).await, "recipient", "ann");
    let post = api
        .call(&key, Method::POST, "/v1/subscriptions", wish(("recipient", "ann"), "sales-eu"))
        .await;
    refused(&post, "recipient", "ann");
}

#[tokio::test]
async fn a_limited_key_touches_no_subscription_beyond_its_limits() {
    let api = Api::start().await;
    let key = portal(&api).await;
    let reason = json!({ "reason": "x" });
    let risk = "/v1/subscriptions/bob-risk";
    refused(
        &api.call(&key, Method::PUT, risk, wish(("recipient", "bob"), "sales-eu")).await,
        "selector.report",
        "risk",
    );
    for verb in ["pause", "resume", "unsubscribe"] {
        let answer = api.call(&key, Method::POST, &format!("{risk}/{verb}"), reason.clone()).await;
        refused(&answer, "selector.report", "risk");
    }
    api.put("/v1/subscriptions/ann-eu", wish(("recipient", "ann"), "sales-eu")).await.ok(201);
    let pause = api.call(&key, Method::POST, "/v1/subscriptions/ann-eu/pause", reason.clone());
    refused(&pause.await, "recipient", "ann");
    api.put("/v1/subscriptions/bob-eu", wish(("recipient", "bob"), "sales-eu")).await.ok(201);
    api.call(&key, Method::POST, "/v1/subscriptions/bob-eu/pause", reason).await.ok(200);
}

#[tokio::test]
async fn a_line_beyond_the_keys_limits_is_a_bad_line_and_stops_no_other() {
    let api = Api::start().await;
    let key = portal(&api).await;
    let line = |id: &str, report: &str| {
        let mut line = wish(("recipient", "bob"), report);
        line["subscription"] = json!(id);
        format!("{line}\n")
    };
    let body = line("a", "sales-eu") + &line("b", "risk") + &line("c", "sales-us");
    let lines = axum::http::Request::post("/v1/bulk/subscriptions")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/x-ndjson")
        .body(axum::body::Body::from(body))
        .unwrap();
    let told = api.send(lines).await.ok(200);
    assert_eq!((&told["subscribed"], &told["bad"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(told["bad_lines"][0]["line"], 2);
    assert_eq!(told["bad_lines"][0]["field"], "selector.report");
}

#[tokio::test]
async fn a_limited_key_cannot_pass_its_limits_by_another_way() {
    let api = Api::start().await;
    let key = portal(&api).await;
    let count = api.event_count().await;
    let grant = json!({ "report": "*" });
    let ways = [
        (Method::PUT, "/v1/recipients/ann/entitlements/all", grant),
        (Method::PUT, "/v1/groups/floor/members/recipients/ann", json!({})),
        (Method::POST, "/v1/recipients/ann/tokens", json!({})),
        (Method::POST, "/v1/recipients/ann/preference-links", json!({})),
        (Method::POST, "/v1/keys", json!({ "title": "k", "scopes": ["subscribe"] })),
    ];
    for (method, path, body) in ways {
        let problem = api.call(&key, method, path, body).await.problem(403);
        assert_eq!(problem["rule"], "reports: sales-*; groups: floor", "{path}");
    }
    assert_eq!(api.event_count().await, count);
    api.send(request(&key, Method::GET, "/v1/subscriptions", None, &[])).await.ok(200);
}

#[tokio::test]
async fn what_limits_say_wrongly_is_named() {
    let api = Api::start().await;
    let issue = async |limits: Value| {
        let body = json!({ "title": "k", "scopes": ["subscribe"], "limits": limits });
        api.post("/v1/keys", body).await.problem(422)
    };
    let problem = issue(json!({ "reports": ["*"] })).await;
    assert_eq!((&problem["field"], &problem["value"]), (&json!("limits.reports"), &json!("*")));
    let problem = issue(json!({ "groups": ["nowhere"] })).await;
    assert_eq!(
        (&problem["field"], &problem["value"]),
        (&json!("limits.groups"), &json!("nowhere"))
    );
}
