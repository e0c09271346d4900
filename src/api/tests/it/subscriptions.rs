use axum::http::Method;
use serde_json::{Value, json};

use crate::support::Api;

const PATH: &str = "/v1/subscriptions/bob-risk";

fn body(changes: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "recipient": "bob", "selector": { "report": "risk" },
        "preferences": { "channels": ["webhook"] }
    });
    for (pointer, value) in changes {
        *body.pointer_mut(pointer).unwrap() = value.clone();
    }
    body
}

async fn view(api: &Api) -> Value {
    api.get(&format!("{PATH}?at_least_position=1")).await.ok(200)
}

#[tokio::test]
async fn a_subscription_lives_from_subscribe_to_end_and_begins_again() {
    let api = Api::start().await;
    api.audience().await;
    let selector =
        json!({ "report": "risk", "attributes": { "region": ["eu", "us"], "final": [true] } });
    let preferences =
        json!({ "channels": ["mail", "webhook"], "formats": ["pdf"], "deadline_s": 3600 });
    let changed = body(&[("/selector", selector.clone()), ("/preferences", preferences.clone())]);
    assert_eq!(api.put(PATH, changed).await.ok(200)["sequence"], 2);
    let seen = view(&api).await;
    assert_eq!((&seen["selector"], &seen["preferences"]), (&selector, &preferences));
    let pause = json!({ "reason": "on leave", "until": "2099-01-01T00:00:00Z" });
    api.post(&format!("{PATH}/pause"), pause).await.ok(200);
    let seen = view(&api).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("paused"), &json!("on leave")));
    api.post_empty(&format!("{PATH}/resume")).await.ok(200);
    assert_eq!(view(&api).await["state"], "active");
    api.post(&format!("{PATH}/unsubscribe"), json!({ "reason": "requested" })).await.ok(200);
    assert_eq!(view(&api).await["state"], "ended");
    let over = api.post(&format!("{PATH}/pause"), json!({ "reason": "x" })).await;
    assert_eq!(over.problem(409)["rule"], "subscription_ended");
    assert_eq!(api.put(PATH, body(&[])).await.ok(200)["sequence"], 6);
    let seen = view(&api).await;
    assert_eq!((&seen["state"], &seen["version"]), (&json!("active"), &json!(6)));
}

#[tokio::test]
async fn what_a_subscription_names_must_be_there() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    for (change, field, value) in [
        (("/recipient", json!("nobody")), "recipient", "nobody"),
        (("/selector/report", json!("nope")), "selector.report", "nope"),
        (("/selector/report", json!("no pe")), "selector.report", "no pe"),
        (("/preferences/channels", json!(["pigeon"])), "preferences.channel", "pigeon"),
        (("/preferences/channels", json!([])), "preferences.channels", "[]"),
        (("/preferences/channels", json!(["mail", "mail"])), "preferences.channels", "mail"),
    ] {
        for (method, path) in
            [(Method::PUT, "/v1/subscriptions/new"), (Method::POST, "/v1/subscriptions")]
        {
            let answer =
                api.call(&api.key, method, path, body(std::slice::from_ref(&change))).await;
            let problem = answer.problem(422);
            assert_eq!(
                (problem["field"].as_str(), problem["value"].as_str()),
                (Some(field), Some(value))
            );
            assert!(problem["rule"].is_string());
        }
    }
    api.delete("/v1/recipients/bob").await.ok(200);
    let retired = api.put("/v1/subscriptions/new", body(&[])).await.problem(422);
    assert_eq!(retired["field"], "recipient");
    assert_eq!(api.event_count().await, before + 1);
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_refused_by_its_path() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    let mut wrong = [body(&[]), body(&[]), body(&[])];
    wrong[0]["note"] = json!("x");
    wrong[1]["selector"]["attribute"] = json!({ "region": ["eu"] });
    wrong[2]["preferences"]["format"] = json!("pdf");
    for (body, field) in wrong.into_iter().zip(["note", "selector.attribute", "preferences.format"])
    {
        assert_eq!(api.put(PATH, body).await.problem(422)["field"], field);
    }
    assert_eq!(api.event_count().await, before);
}

#[tokio::test]
async fn a_pause_must_end_in_the_future() {
    let api = Api::start().await;
    api.audience().await;
    let past = json!({ "reason": "x", "until": "2020-01-01T00:00:00Z" });
    let answer = api.post(&format!("{PATH}/pause"), past).await;
    assert_eq!(answer.problem(409)["rule"], "pause_in_past");
    let form = json!({ "reason": "x", "until": "tomorrow" });
    let problem = api.post(&format!("{PATH}/pause"), form).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("until"), &json!("tomorrow")));
}

#[tokio::test]
async fn a_subscription_never_passes_to_another_recipient() {
    let api = Api::start().await;
    api.audience().await;
    api.put("/v1/recipients/eve", json!({ "kind": "person" })).await.ok(201);
    let stolen = api.put(PATH, body(&[("/recipient", json!("eve"))])).await;
    assert_eq!(stolen.problem(409)["rule"], "recipient_differs");
}

#[tokio::test]
async fn lists_are_filtered_by_recipient_report_and_state() {
    let api = Api::start().await;
    api.audience().await;
    let every = body(&[("/selector/report", json!("*"))]);
    let made = api.post("/v1/subscriptions", every).await;
    let id = made.ok(201)["subscription"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/v1/subscriptions/{id}"));
    api.post(&format!("/v1/subscriptions/{id}/unsubscribe"), json!({ "reason": "x" }))
        .await
        .ok(200);
    let count = |query: &'static str| {
        let api = &api;
        async move {
            let path = format!("/v1/subscriptions?at_least_position=1&{query}");
            api.get(&path).await.ok(200)["rows"].as_array().unwrap().len()
        }
    };
    assert_eq!(count("recipient=bob").await, 2);
    assert_eq!(count("recipient=eve").await, 0);
    assert_eq!(count("report=risk").await, 1);
    assert_eq!(count("state=ended").await, 1);
    assert_eq!(count("state=active").await, 1);
}
