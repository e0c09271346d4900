//! The failed deliveries of a distribution, sent again in one go: those and no others, and never twice.

use axum::http::Method;
use schema::events::{AttemptOutcome, DeadLetterReason, DeliveryEvent, NextStep, Scope};
use schema::{DeliveryId, FailureClass, Fault, Proof, Receipt, Sha256, StreamId};
use serde_json::{Value, json};

use crate::support::{ACME, Answer, Api, request};

const RECIPIENTS: [&str; 4] = ["ann", "bob", "cat", "dan"];

/// A distribution of `risk` to four recipients, none of them served yet.
async fn distribution(api: &Api) -> String {
    api.audience().await;
    for name in ["ann", "cat", "dan"] {
        let path = format!("/v1/recipients/{name}");
        api.put(&path, json!({ "kind": "person", "name": name })).await.ok(201);
        let hook = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
        api.put(&format!("{path}/addresses/hook"), hook).await.ok(200);
        api.put(&format!("{path}/entitlements/all"), json!({ "report": "*" })).await.ok(200);
        let body = json!({
            "recipient": name, "selector": { "report": "risk" },
            "preferences": { "channels": ["webhook"] }
        });
        api.put(&format!("/v1/subscriptions/{name}-risk"), body).await.ok(201);
    }
    let told = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await.ok(201);
    told["distribution"].as_str().unwrap().to_owned()
}

async fn delivery_to(api: &Api, run: &str, recipient: &str, resends: bool) -> Vec<Value> {
    let head = api.event_count().await;
    let path = format!(
        "/v1/deliveries?distribution={run}&recipient={recipient}&resends={resends}&at_least_position={head}"
    );
    api.get(&path).await.ok(200)["rows"].as_array().unwrap().clone()
}

fn stream(delivery: &Value) -> StreamId {
    StreamId::delivery(delivery["delivery"].as_str().unwrap().parse::<DeliveryId>().unwrap())
}

async fn ends(api: &Api, delivery: &Value, outcome: AttemptOutcome) {
    let node = "n".to_owned();
    let events = vec![
        DeliveryEvent::AttemptStarted { attempt: 1, node, address_revision: 1 }.into(),
        DeliveryEvent::AttemptEnded { attempt: 1, sent_at: None, elapsed_us: None, outcome }.into(),
    ];
    api.append(ACME, stream(delivery), events).await;
}

fn given_up() -> AttemptOutcome {
    let fault = Fault {
        class: FailureClass::RecipientPermanent,
        code: "http.400".to_owned(),
        reply: None,
        retry_after_ms: None,
    };
    let next = NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable };
    AttemptOutcome::Failed { fault, next }
}

fn delivered() -> AttemptOutcome {
    let receipt = Receipt {
        proof: Proof::Delivered,
        status: 200,
        content_sha256: Sha256::of(b""),
        content_bytes: 0,
        reply: None,
    };
    AttemptOutcome::Succeeded { receipt }
}

async fn resend(api: &Api, run: &str, body: Value) -> Answer {
    let head = api.event_count().await;
    api.post(&format!("/v1/distributions/{run}/resend?at_least_position={head}"), body).await
}

#[tokio::test]
async fn those_that_failed_are_sent_again_and_no_others() {
    let api = Api::start().await;
    let run = distribution(&api).await;
    let [ann, bob, cat, _dan] = {
        let mut found = Vec::new();
        for name in RECIPIENTS {
            found.push(delivery_to(&api, &run, name, false).await.remove(0));
        }
        found.try_into().unwrap()
    };
    ends(&api, &ann, delivered()).await;
    ends(&api, &bob, given_up()).await;
    let deadline = schema::Timestamp::from_unix_micros(1);
    let expired = DeliveryEvent::DeliveryExpired { deadline };
    api.append(ACME, stream(&cat), vec![expired.into()]).await;

    let dry = resend(&api, &run, json!({ "dry_run": true })).await.ok(200);
    assert_eq!(
        (&dry["found"], &dry["resent"], &dry["more"]),
        (&json!(2), &json!(0), &json!(false))
    );
    let narrow = json!({ "dry_run": true, "outcomes": ["expired"] });
    assert_eq!(resend(&api, &run, narrow).await.ok(200)["found"], 1);
    let first = resend(&api, &run, json!({ "limit": 1 })).await.ok(200);
    assert_eq!((&first["resent"], &first["more"]), (&json!(1), &json!(true)));
    let rest = resend(&api, &run, json!({})).await.ok(200);
    assert_eq!((&rest["resent"], &rest["refused"]), (&json!(1), &json!([])));
    assert!(rest["position"].as_i64().unwrap() > first["position"].as_i64().unwrap());
    let none = resend(&api, &run, json!({})).await.ok(200);
    assert_eq!((&none["found"], &none["resent"]), (&json!(0), &json!(0)));
    for (name, count) in [("ann", 0), ("bob", 1), ("cat", 1), ("dan", 0)] {
        assert_eq!(delivery_to(&api, &run, name, true).await.len(), count, "{name}");
    }

    let again = delivery_to(&api, &run, "bob", true).await.remove(0);
    ends(&api, &again, given_up()).await;
    let second = resend(&api, &run, json!({})).await.ok(200);
    assert_eq!(second["resent"], 1, "a repetition that failed, too, is sent once more");
    let again = delivery_to(&api, &run, "bob", true).await;
    let open = again.iter().find(|row| row["state"] != "closed").unwrap();
    assert_eq!(open["resend_of"], bob["delivery"]);
    ends(&api, open, delivered()).await;
    assert_eq!(resend(&api, &run, json!({})).await.ok(200)["found"], 0);
}

#[tokio::test]
async fn a_repeated_request_under_its_key_sends_nothing_again() {
    let api = Api::start().await;
    let run = distribution(&api).await;
    let bob = delivery_to(&api, &run, "bob", false).await.remove(0);
    ends(&api, &bob, given_up()).await;
    let head = api.event_count().await;
    let path = format!("/v1/distributions/{run}/resend?at_least_position={head}");
    let key = [("idempotency-key", "again")];
    let first = api.with(Method::POST, &path, json!({}), &key).await;
    assert_eq!(first.ok(200)["resent"], 1);
    let count = api.event_count().await;
    let again = api.with(Method::POST, &path, json!({}), &key).await;
    assert_eq!(
        (&again.ok(200)["resent"], again.header("idempotency-replayed")),
        (&json!(1), "true")
    );
    assert_eq!(api.event_count().await, count);
}

#[tokio::test]
async fn what_cannot_be_sent_again_in_bulk_is_refused() {
    let api = Api::start().await;
    let run = distribution(&api).await;
    let wrong = resend(&api, &run, json!({ "outcomes": ["expired", "suppressed"] })).await;
    let problem = wrong.problem(422);
    assert_eq!(
        (&problem["field"], &problem["value"]),
        (&json!("outcomes[1]"), &json!("suppressed"))
    );
    let limit = resend(&api, &run, json!({ "limit": 1001 })).await.problem(422);
    assert_eq!((&limit["field"], &limit["rule"]), (&json!("limit"), &json!("must be 1 to 1000")));
    let unknown = "00000000-0000-8000-8000-000000000000";
    assert_eq!(resend(&api, unknown, json!({})).await.problem(404)["code"], "not_found");
    api.tenant("rival").await;
    let rival = api.key_of("rival", &Scope::ALL).await;
    let path = format!("/v1/distributions/{run}/resend");
    let foreign = request(&rival, Method::POST, &path, Some(json!({})), &[]);
    assert_eq!(api.send(foreign).await.problem(404)["code"], "not_found");
    let reader = api.key_of(ACME, &[Scope::Read]).await;
    let reader = request(&reader, Method::POST, &path, Some(json!({})), &[]);
    assert_eq!(api.send(reader).await.problem(403)["code"], "scope_missing");
}
