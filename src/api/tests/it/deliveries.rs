use axum::http::Method;
use schema::events::{AttemptOutcome, DeliveryEvent, NextStep, Scope};
use schema::{DeliveryId, StreamId};
use serde_json::{Value, json};

use crate::support::{ACME, Api, request};

async fn one_delivery(api: &Api) -> String {
    api.audience().await;
    let published = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await;
    let path = format!("/v1/deliveries?recipient=bob&at_least_position={}", published.position());
    let rows = api.get(&path).await.ok(200)["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["state"], &rows[0]["channel"]), (&json!("scheduled"), &json!("webhook")));
    rows[0]["delivery"].as_str().unwrap().to_owned()
}

async fn seen(api: &Api, delivery: &str) -> Value {
    api.get(&format!("/v1/deliveries/{delivery}?at_least_position=1")).await.ok(200)
}

#[tokio::test]
async fn a_delivery_is_cancelled_once_and_then_sent_again_as_another() {
    let api = Api::start().await;
    let delivery = one_delivery(&api).await;
    let path = format!("/v1/deliveries/{delivery}");
    let open = api.post_empty(&format!("{path}/resend")).await;
    assert_eq!(open.problem(409)["rule"], "delivery_open");
    let cancel = json!({ "reason": "sent by hand" });
    let key = [("idempotency-key", "k")];
    let done = api.with(Method::POST, &format!("{path}/cancel"), cancel.clone(), &key).await;
    assert_eq!(done.ok(200)["delivery"], delivery);
    let again = api.with(Method::POST, &format!("{path}/cancel"), cancel.clone(), &key).await;
    again.ok(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let view = seen(&api, &delivery).await;
    assert_eq!((&view["state"], &view["outcome"]), (&json!("closed"), &json!("cancelled")));
    let resent = api.post_empty(&format!("{path}/resend")).await.ok(201);
    let other = resent["delivery"].as_str().unwrap();
    assert_eq!(resent["resend_of"], delivery);
    let view = seen(&api, other).await;
    assert_eq!((&view["state"], &view["resend_of"]), (&json!("scheduled"), &json!(delivery)));
}

#[tokio::test]
async fn an_order_on_a_state_that_is_past_is_refused() {
    let api = Api::start().await;
    let delivery = one_delivery(&api).await;
    let path = format!("/v1/deliveries/{delivery}/cancel");
    let body = json!({ "reason": "x" });
    let stale = api.with(Method::POST, &path, body.clone(), &[("if-match", "\"1\"")]).await;
    assert_eq!(stale.problem(412)["code"], "stale");
    assert!(stale.problem(412)["rule"].is_string());
    api.tenant("rival").await;
    let rival = api.key_of("rival", &Scope::ALL).await;
    let tag = [("if-match", "\"1\"")];
    let request = request(&rival, Method::POST, &path, Some(body.clone()), &tag);
    assert_eq!(api.send(request).await.problem(404)["code"], "not_found");
    let tag = format!("\"{}\"", seen(&api, &delivery).await["last_position"]);
    api.with(Method::POST, &path, body, &[("if-match", &tag)]).await.ok(200);
}

#[tokio::test]
async fn an_attempt_in_doubt_is_resolved_by_a_person() {
    let api = Api::start().await;
    let delivery = one_delivery(&api).await;
    let path = format!("/v1/deliveries/{delivery}/resolve");
    let arrived = json!({ "attempt": 1, "resolution": "arrived", "note": "they have it" });
    let never = api.post(&path, arrived.clone()).await;
    assert!(never.problem(409)["rule"].is_string());
    let stream = StreamId::delivery(delivery.parse::<DeliveryId>().unwrap());
    let events = vec![
        DeliveryEvent::AttemptStarted { attempt: 1, node: "n".to_owned(), address_revision: 1 }
            .into(),
        DeliveryEvent::AttemptEnded {
            attempt: 1,
            sent_at: None,
            elapsed_us: None,
            outcome: AttemptOutcome::InDoubt {
                code: "lease_ended".to_owned(),
                next: NextStep::Held,
            },
        }
        .into(),
    ];
    api.append(ACME, stream, events).await;
    assert_eq!(seen(&api, &delivery).await["state"], "held");
    let word = json!({ "attempt": 1, "resolution": "perhaps", "note": "x" });
    assert_eq!(api.post(&path, word).await.problem(422)["field"], "resolution");
    api.post(&path, arrived).await.ok(200);
    let view = seen(&api, &delivery).await;
    assert_eq!((&view["state"], &view["outcome"]), (&json!("closed"), &json!("accepted")));
}

#[tokio::test]
async fn sends_are_held_back_and_let_go() {
    let api = Api::start().await;
    let delivery = one_delivery(&api).await;
    let destination = seen(&api, &delivery).await["destination"].clone();
    let scopes = [
        json!({ "kind": "all" }),
        json!({ "kind": "channel", "channel": "mail" }),
        json!({ "kind": "destination", "destination": destination }),
    ];
    for scope in &scopes {
        let body = json!({ "scope": scope, "reason": "relay moves" });
        api.post("/v1/pauses", body.clone()).await.ok(200);
        api.post("/v1/pauses", body).await.ok(200);
    }
    let held = api.get("/v1/pauses?at_least_position=1").await.ok(200);
    let held: Vec<&Value> =
        held["rows"].as_array().unwrap().iter().map(|row| &row["scope"]).collect();
    assert_eq!(held.len(), 3);
    assert!(scopes.iter().all(|scope| held.contains(&scope)), "{held:?}");
    for scope in &scopes {
        api.post("/v1/pauses/resume", json!({ "scope": scope })).await.ok(200);
    }
    assert_eq!(api.get("/v1/pauses?at_least_position=1").await.ok(200)["rows"], json!([]));
    let wrong = json!({ "scope": { "kind": "channel", "channel": "pigeon" }, "reason": "x" });
    assert_eq!(api.post("/v1/pauses", wrong).await.problem(422)["field"], "channel");
    let kind = json!({ "scope": { "kind": "moon" }, "reason": "x" });
    assert_eq!(api.post("/v1/pauses", kind).await.problem(422)["code"], "invalid");
}
