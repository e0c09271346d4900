use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sink::{WebhookSink, WebhookSinkConfig};
use standardwebhooks::Webhook;

use crate::support::{Api, Hook, Scene, answer, http, mail_of, until};

const FILE: &[u8] = b"desk,var\r\nrates,12\r\n.dot,\xc3\xbc\r\n";

/// An address that no other test and no other run has a mail for.
fn own_address(who: &str) -> String {
    format!("{who}.{}@it.example", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn a_published_file_arrives_by_mail_and_by_a_webhook_that_others_can_verify() {
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let address = own_address("ada");
    api.report("risk").await;
    api.recipient("ada", "mail", &address, "risk").await;
    let told = api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;
    let distribution = api.publish_file("risk", "v1", FILE).await;
    scene.reconciled(&distribution).await;

    let mail = mail_of(&address).await;
    let delivery = scene.delivery_to(&distribution, "ada").await;
    assert_eq!(mail.header("Message-ID"), format!("<{delivery}@waybill.example>"));
    assert_eq!(mail.header("To"), format!("\"Ada Lovelace\" <{address}>"));
    assert_eq!(mail.header("Subject"), "Market risk (v1)");
    assert_eq!(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert!(mail.header("List-Unsubscribe").starts_with(&format!("<{}/u/", node.url)));
    let digest: String = Sha256::digest(FILE).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(mail.header("X-Waybill-Content-SHA256"), digest);
    assert_eq!(mail.attachment, FILE);

    let [received] = &hook.received()[..] else { panic!("one webhook and no other") };
    let delivery = scene.delivery_to(&distribution, "desk").await;
    assert_eq!(received.headers["webhook-id"], format!("msg_{}", delivery.replace('-', "")));
    let verifier = Webhook::new(told["secret"].as_str().unwrap()).unwrap();
    verifier.verify(&received.body, &received.headers).unwrap();
    let forged = [&received.body[..], b" "].concat();
    assert!(verifier.verify(&forged, &received.headers).is_err());
    let said: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(said["data"]["artifacts"][0]["sha256"], digest);
    let content = said["data"]["artifacts"][0]["content_base64"].as_str().unwrap();
    assert_eq!(STANDARD.decode(content).unwrap(), FILE);
    let same = json!({ "channel": "webhook", "value": hook.url("/in") });
    let again = api.put("/v1/recipients/desk/addresses/main", &same).await.ok();
    assert!(again.get("secret").is_none(), "a secret is shown once");
}

#[tokio::test]
async fn the_secret_that_is_shown_verifies_at_once_however_often_a_webhook_is_added() {
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let told = api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;
    let mut secret = told["secret"].as_str().unwrap().to_owned();
    let path = "/v1/recipients/desk/addresses/main";
    let address = json!({ "channel": "webhook", "value": hook.url("/in") });
    for version in ["v1", "v2", "v3"] {
        let distribution = api.publish("risk", version).await;
        scene.reconciled(&distribution).await;
        let received = hook.received().pop().unwrap();
        let verifier = Webhook::new(&secret).unwrap();
        verifier.verify(&received.body, &received.headers).unwrap();
        answer(api.request(Method::DELETE, path)).await.ok();
        let both = tokio::join!(api.put(path, &address), api.put(path, &address));
        let shown = [both.0.ok(), both.1.ok()].map(|said| said.get("secret").cloned());
        let [shown] = &shown.into_iter().flatten().collect::<Vec<_>>()[..] else {
            panic!("one of the two is shown the secret")
        };
        shown.as_str().unwrap().clone_into(&mut secret);
    }
}

#[tokio::test]
async fn a_trace_goes_through_from_the_publisher_to_the_webhook_and_stands_in_the_events() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;
    let request = api.request(Method::POST, "/v1/reports");
    let request = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let said = answer(request.json(&json!({ "report": "risk", "version": "v1" }))).await.ok();
    let distribution = said["distribution"].as_str().unwrap();
    scene.reconciled(distribution).await;
    let received = hook.received();
    let trace = received[0].headers["traceparent"].to_str().unwrap();
    assert!(trace.starts_with(&format!("00-{TRACE}-")), "{trace}");
    let sql = "select distinct event_type from events \
        where metadata->>'traceparent' like '00-' || $1 || '-%' order by 1";
    let marked = scene.texts(sql, TRACE).await;
    for event in ["AttemptEnded", "AttemptStarted", "DeliveryScheduled", "ReportReceived"] {
        assert!(marked.iter().any(|name| name == event), "{event} is not in {marked:?}");
    }
}

#[tokio::test]
async fn the_timeline_of_a_retried_delivery_tells_its_story_in_order() {
    let scene = Scene::set().await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.recipient("desk", "webhook", &sink.url("/flaky/1"), "risk").await;
    let distribution = api.publish("risk", "v1").await;
    scene.reconciled(&distribution).await;
    let delivery = scene.delivery_to(&distribution, "desk").await;
    let position = scene.count("select max(position) from events where $1 = $1", "").await;

    let query = "query($id: ID!, $at: Position!) { delivery(id: $id, atLeastPosition: $at) { \
        state outcome attempts faultCode timeline { type sequence position attempt actor summary } } }";
    let said = api.graphql(query, &json!({ "id": delivery, "at": position })).await;
    let found = &said["data"]["delivery"];
    assert_eq!(found["state"], "closed", "{said}");
    assert_eq!(found["outcome"], "delivered", "{said}");
    assert_eq!(found["faultCode"], "http.503", "{said}");
    let timeline = found["timeline"].as_array().unwrap();
    let types: Vec<&str> = timeline.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let story =
        ["DeliveryScheduled", "AttemptStarted", "AttemptEnded", "AttemptStarted", "AttemptEnded"];
    assert_eq!(types, story);
    let sql = "select position::text from events where aggregate_id = $1 order by sequence";
    let positions: Vec<String> =
        timeline.iter().map(|entry| entry["position"].to_string()).collect();
    assert_eq!(positions, scene.texts(sql, &delivery).await);
    let arrivals = sink.records.all();
    let arrival = &arrivals[&format!("msg_{}", delivery.replace('-', ""))];
    assert_eq!((arrival.refused_count, arrival.taken_count), (1, 1));
}

#[tokio::test]
async fn one_click_in_a_mail_ends_the_subscription_and_nothing_more_is_planned_for_it() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let (ada, bob) = (own_address("ada"), own_address("bob"));
    api.report("risk").await;
    api.recipient("ada", "mail", &ada, "risk").await;
    api.recipient("bob", "mail", &bob, "risk").await;
    scene.reconciled(&api.publish("risk", "v1").await).await;

    let link = mail_of(&ada).await.header("List-Unsubscribe");
    let path = link.trim_matches(['<', '>']).strip_prefix(&node.url).unwrap().to_owned();
    let url = format!("{}{path}", node.url);
    let client = http();
    let looked = client.get(&url).send().await.unwrap();
    assert_eq!(looked.status(), 200, "looking at the link");
    let ended = "select payload->>'reason' from events where event_type = 'Unsubscribed' \
        and aggregate_id = $1";
    assert!(scene.texts(ended, "acme/ada").await.is_empty(), "looking ended it");
    let form = [("List-Unsubscribe", "One-Click")];
    let clicked = client.request(Method::POST, &url).form(&form).send().await.unwrap();
    assert_eq!(clicked.status(), 200);
    assert_eq!(scene.texts(ended, "acme/ada").await, ["one_click"]);

    let second = api.publish("risk", "v2").await;
    scene.reconciled(&second).await;
    let sql = "select payload->>'recipient' from events \
        where event_type = 'DeliveryScheduled' and payload->>'distribution' = $1";
    assert_eq!(scene.texts(sql, &second).await, ["bob"]);
    let told = until("the read model has it", async || {
        let said = api.get("/v1/subscriptions/ada").await.ok();
        (said["state"] == "ended").then_some(said)
    });
    assert_eq!(told.await["reason"], "one_click");
}
