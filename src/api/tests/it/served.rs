//! Who was served with a version before it was corrected or withdrawn, and whom the correction has reached since.

use schema::events::{DeliveryEvent, Evidence};
use schema::{FailureClass, Fault, StreamId};
use serde_json::{Value, json};

use crate::inbox::{publish, serve, wishes};
use crate::support::{ACME, Api};

const RECIPIENTS: [&str; 3] = ["ada", "bob", "cat"];

/// Publishes a version to all, of which these are served.
async fn version(api: &Api, name: &str, more: Value, served: &[&str]) -> String {
    publish(api, name, "ada", more).await;
    let run = run_of(api, name).await;
    for recipient in served {
        serve(api, delivery_of(api, &run, recipient).await.parse().unwrap()).await;
    }
    run
}

async fn run_of(api: &Api, version: &str) -> String {
    let listed = api.get(&format!("/v1/deliveries?report=risk&version={version}")).await.ok(200);
    listed["rows"][0]["distribution"].as_str().unwrap().to_owned()
}

async fn delivery_of(api: &Api, run: &str, recipient: &str) -> String {
    let path = format!("/v1/deliveries?distribution={run}&recipient={recipient}");
    api.get(&path).await.ok(200)["rows"][0]["delivery"].as_str().unwrap().to_owned()
}

async fn served(api: &Api, run: &str, query: &str) -> Value {
    let head = api.state.ledger.head().await.unwrap();
    let path = format!("/v1/distributions/{run}/served?at_least_position={head}{query}");
    api.get(&path).await.ok(200)
}

/// Recipient, correction, and whether it got through.
fn told(listed: &Value) -> Vec<(&str, Option<&str>, bool)> {
    let rows = listed["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let recipient = row["recipient"].as_str().unwrap();
        (recipient, row["correction"].as_str(), row["corrected_at"].is_string())
    })
    .collect()
}

fn sorted(listed: &Value) -> Vec<(&str, Option<&str>, bool)> {
    let mut told = told(listed);
    told.sort_unstable();
    told
}

#[tokio::test]
async fn those_served_before_a_correction_are_listed_until_and_after_it_reaches_them() {
    let api = Api::start().await;
    wishes(&api, &RECIPIENTS).await;
    let first = version(&api, "v1", json!({}), &["ada", "bob"]).await;
    let none = [("ada", None, false), ("bob", None, false)];
    assert_eq!(sorted(&served(&api, &first, "").await), none, "nothing corrects it yet");

    let second = version(&api, "v2", json!({ "corrects": "v1" }), &["ada"]).await;
    let listed = served(&api, &first, "").await;
    assert_eq!(sorted(&listed), [("ada", Some("v2"), true), ("bob", Some("v2"), false)]);
    let ada = listed["rows"].as_array().unwrap().iter().find(|row| row["recipient"] == "ada");
    let ada = ada.unwrap();
    assert_eq!((&ada["channel"], &ada["outcome"]), (&json!("inbox"), &json!("delivered")));
    assert_eq!(ada["correction_delivery"], delivery_of(&api, &second, "ada").await);
    assert!(ada["served_at"].as_str().unwrap() < ada["corrected_at"].as_str().unwrap());
    let missing = served(&api, &first, "&reached=false").await;
    assert_eq!(told(&missing), [("bob", Some("v2"), false)]);
    let reached = served(&api, &first, "&reached=true").await;
    assert_eq!(told(&reached), [("ada", Some("v2"), true)]);

    version(&api, "v3", json!({ "corrects": "v2" }), &["bob"]).await;
    let both = [("ada", Some("v2"), true), ("bob", Some("v3"), true)];
    assert_eq!(sorted(&served(&api, &first, "").await), both, "by a correction of the correction");
    let second = served(&api, &second, "").await;
    assert_eq!(told(&second), [("ada", Some("v3"), false)]);
}

#[tokio::test]
async fn a_correction_that_came_back_has_not_reached_its_recipient() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let first = version(&api, "v1", json!({}), &["ada"]).await;
    let second = version(&api, "v2", json!({ "corrects": "v1" }), &["ada"]).await;
    assert_eq!(told(&served(&api, &first, "").await), [("ada", Some("v2"), true)]);
    let fault = Fault {
        class: FailureClass::RecipientPermanent,
        code: "5.1.1".to_owned(),
        reply: None,
        retry_after_ms: None,
    };
    let bounced = DeliveryEvent::EvidenceRecorded { evidence: Evidence::Bounced { fault } };
    let delivery = delivery_of(&api, &second, "ada").await.parse().unwrap();
    api.append(ACME, StreamId::delivery(delivery), vec![bounced.into()]).await;
    assert_eq!(told(&served(&api, &first, "").await), [("ada", None, false)]);
    let second = served(&api, &second, "").await;
    assert!(second["rows"][0]["bounced_at"].is_string(), "it was accepted, and told so: {second}");
}

#[tokio::test]
async fn those_served_with_a_withdrawn_version_are_listed_page_by_page() {
    let api = Api::start().await;
    wishes(&api, &RECIPIENTS).await;
    let run = version(&api, "v1", json!({}), &["ada", "cat"]).await;
    let reason = json!({ "reason": "wrong desk" });
    api.post("/v1/reports/risk/versions/v1/withdraw", reason).await.ok(200);
    let page = served(&api, &run, "&limit=1").await;
    let after = format!("&limit=1&after={}", page["next"].as_str().unwrap());
    let rest = served(&api, &run, &after).await;
    assert!(rest.get("next").is_none());
    let mut both = [told(&page), told(&rest)].concat();
    both.sort_unstable();
    assert_eq!(both, [("ada", None, false), ("cat", None, false)]);
    let wrong = api.get(&format!("/v1/distributions/{run}/served?limit=0")).await.problem(422);
    assert_eq!(wrong["field"], "limit");
    let wrong = api.get("/v1/distributions/nonsense/served").await.problem(422);
    assert_eq!(wrong["field"], "distribution");
    api.get(&format!("/v1/distributions/{}/served", uuid::Uuid::nil())).await.problem(404);
}
