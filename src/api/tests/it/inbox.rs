//! A recipient's inbox by REST: what comes, what it does with it, who may.

use axum::http::Method;
use schema::events::{AttemptOutcome, DeliveryEvent};
use schema::{DeliveryId, Proof, Receipt, Sha256, StreamId, Timestamp};
use serde_json::{Value, json};
use waybill_api::{ACCESS, Access};

use crate::recipes::Things;
use crate::support::{ACME, Answer, Api, request};

/// So many recipients with nothing but a name, a grant and a wish for their inbox.
pub async fn wishes(api: &Api, recipients: &[&str]) {
    api.put("/v1/reports/risk", json!({ "title": "Risk", "owner": "desk" })).await.ok(201);
    for name in recipients {
        wish(api, name).await;
    }
}

pub async fn wish(api: &Api, name: &str) {
    let path = format!("/v1/recipients/{name}");
    api.put(&path, json!({ "kind": "person" })).await.ok(201);
    api.put(&format!("{path}/entitlements/all"), json!({ "report": "*" })).await.ok(200);
    let body = json!({
        "recipient": name, "selector": { "report": "risk" },
        "preferences": { "channels": ["inbox"] }
    });
    api.put(&format!("/v1/subscriptions/{name}-risk"), body).await.ok(201);
}

/// Publishes a version; the deliveries planned of it to a recipient.
pub async fn publish(api: &Api, version: &str, recipient: &str, more: Value) -> Vec<DeliveryId> {
    let mut body = json!({ "report": "risk", "version": version });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let told = api.post("/v1/reports", body).await;
    let (run, position) = (told.ok(201)["distribution"].clone(), told.position());
    let run = run.as_str().unwrap();
    let path = format!(
        "/v1/deliveries?distribution={run}&recipient={recipient}&at_least_position={position}"
    );
    let rows = api.get(&path).await.ok(200)["rows"].take();
    let id = |row: &Value| row["delivery"].as_str().unwrap().parse().unwrap();
    rows.as_array().unwrap().iter().map(id).collect()
}

/// Records that an entry came, as dispatch would.
pub async fn serve(api: &Api, delivery: DeliveryId) {
    let receipt = Receipt {
        proof: Proof::Delivered,
        status: 0,
        content_sha256: Sha256::of(b"entry"),
        content_bytes: 5,
        reply: None,
    };
    let outcome = AttemptOutcome::Succeeded { receipt };
    let events = [
        DeliveryEvent::AttemptStarted { attempt: 1, node: "n1".to_owned(), address_revision: 0 },
        DeliveryEvent::AttemptEnded { attempt: 1, sent_at: None, elapsed_us: None, outcome },
    ];
    api.append(ACME, StreamId::delivery(delivery), events.map(Into::into).to_vec()).await;
}

/// Publishes a version to ada's inbox.
async fn served(api: &Api, version: &str, more: Value) -> String {
    let id = publish(api, version, "ada", more).await[0];
    serve(api, id).await;
    id.to_string()
}

pub async fn signed_in(api: &Api, recipient: &str) -> String {
    let path = format!("/v1/recipients/{recipient}/tokens");
    let told = api.post(&path, json!({})).await.ok(201);
    told["token"].as_str().unwrap().to_owned()
}

async fn inbox(api: &Api, key: &str, query: &str) -> Value {
    let head = api.state.ledger.head().await.unwrap();
    let path = format!("/v1/recipients/ada/inbox?at_least_position={head}{query}");
    api.send(request(key, Method::GET, &path, None, &[])).await.ok(200)
}

async fn mark(api: &Api, key: &str, entry: &str, mark: &str, body: Option<Value>) -> Answer {
    let path = format!("/v1/inbox/{entry}/{mark}");
    api.send(request(key, Method::POST, &path, body, &[])).await
}

fn versions(inbox: &Value) -> Vec<&str> {
    let rows = inbox["rows"].as_array().unwrap();
    rows.iter().map(|row| row["version"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_published_comes_to_the_inbox_and_is_read_acknowledged_and_put_off() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let ada = signed_in(&api, "ada").await;
    let attributes = json!({ "attributes": { "severity": "critical" } });
    let first = served(&api, "v1", attributes).await;
    let second = served(&api, "v2", json!({})).await;
    let third = served(&api, "v3", json!({ "attributes": { "severity": "huge" } })).await;

    let all = inbox(&api, &ada, "").await;
    assert_eq!(versions(&all), ["v3", "v2", "v1"]);
    let rows = all["rows"].as_array().unwrap();
    let severities: Vec<_> = rows.iter().map(|row| &row["severity"]).collect();
    assert_eq!(severities, ["info", "info", "critical"]);
    assert_eq!(all["counts"], counts(3, 2, 1, 0));

    mark(&api, &ada, &first, "read", None).await.ok(200);
    mark(&api, &ada, &second, "acknowledge", None).await.ok(200);
    let an_hour = Timestamp::from_unix_micros(now_us() + 3_600_000_000).to_string();
    for (until, rule) in [
        ("2100-01-01T00:00:00Z", Some("snooze_too_long")),
        ("2020-01-01T00:00:00Z", Some("snooze_over")),
        (&an_hour, None),
    ] {
        let body = json!({ "until": until });
        let answer = mark(&api, &ada, &third, "snooze", Some(body)).await;
        if let Some(rule) = rule {
            let problem = answer.problem(409);
            let told = (problem["rule"].as_str(), problem["field"].as_str());
            assert_eq!(told, (Some(rule), Some("until")));
        } else {
            answer.ok(200);
        }
    }

    let all = inbox(&api, &ada, "").await;
    assert_eq!(all["counts"], counts(0, 0, 0, 1));
    let row = |version: &str| {
        let rows = all["rows"].as_array().unwrap();
        rows.iter().find(|row| row["version"] == version).unwrap().clone()
    };
    assert!(row("v1")["read_at"].is_string() && row("v1").get("acknowledged_at").is_none());
    assert!(row("v2")["read_at"].is_string() && row("v2")["acknowledged_at"].is_string());
    assert!(row("v3").get("read_at").is_none());
    assert_eq!(versions(&inbox(&api, &ada, "&snoozed=true").await), ["v3"]);
    assert_eq!(versions(&inbox(&api, &ada, "&unread=false").await), ["v2", "v1"]);
    assert_eq!(versions(&inbox(&api, &ada, "&severity=critical").await), ["v1"]);

    mark(&api, &ada, &third, "unsnooze", None).await.ok(200);
    assert_eq!(inbox(&api, &ada, "").await["counts"], counts(1, 1, 0, 0));
}

fn counts(unread: i64, info: i64, critical: i64, snoozed: i64) -> Value {
    json!({
        "unread": unread, "info": info, "warning": 0, "critical": critical, "snoozed": snoozed
    })
}

#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

#[tokio::test]
async fn who_marked_an_entry_stands_in_the_event_and_the_same_mark_again_adds_none() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let ada = signed_in(&api, "ada").await;
    let entry = served(&api, "v1", json!({})).await;
    mark(&api, &ada, &entry, "read", None).await.ok(200);
    mark(&api, &ada, &entry, "read", None).await.ok(200);
    mark(&api, &api.key, &entry, "read", None).await.ok(200);
    mark(&api, &api.key, &entry, "acknowledge", None).await.ok(200);
    let stream = StreamId::delivery(entry.parse().unwrap());
    let events = api.state.ledger.load_stream(&stream, 3).await.unwrap();
    let actors: Vec<String> = events.iter().map(|event| event.metadata.actor.to_string()).collect();
    let key = format!("key:{}", api.key.split('_').nth(1).unwrap());
    assert_eq!(actors, ["recipient:ada".to_owned(), key]);
}

#[tokio::test]
async fn a_mark_repeated_under_its_key_gets_the_first_answer() {
    let api = Api::start().await;
    wishes(&api, &["ada", "bob"]).await;
    let (ada, bob) = (signed_in(&api, "ada").await, signed_in(&api, "bob").await);
    let entry = served(&api, "v1", json!({})).await;
    let path = format!("/v1/inbox/{entry}/read");
    let ask = async |key: &str, path: &str| {
        let header = [("idempotency-key", "k1")];
        api.send(request(key, Method::POST, path, None, &header)).await
    };
    let first = ask(&ada, &path).await;
    let again = ask(&ada, &path).await;
    assert_eq!(first.ok(200), again.ok(200));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = ask(&ada, &format!("/v1/inbox/{entry}/acknowledge")).await;
    assert_eq!(other.problem(422)["code"], "idempotency_key_reused");
    // The same name is another recipient's own.
    ask(&bob, &path).await.problem(404);
}

#[tokio::test]
async fn all_that_was_seen_is_read_and_what_came_later_is_not() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let ada = signed_in(&api, "ada").await;
    for version in ["v1", "v2", "v3"] {
        served(&api, version, json!({})).await;
    }
    let seen = inbox(&api, &ada, "").await["rows"][1]["position"].as_i64().unwrap();
    let path = "/v1/recipients/ada/inbox/read";
    let body = json!({ "through": seen });
    let keyed = [("idempotency-key", "all")];
    let ask = || api.send(request(&ada, Method::POST, path, Some(body.clone()), &keyed));
    let told = ask().await.ok(200);
    assert_eq!((&told["read"], &told["left"]), (&json!(2), &json!(false)));
    assert_eq!(versions(&inbox(&api, &ada, "&unread=true").await), ["v3"]);
    let again = ask().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.ok(200), told);
    let wrong = json!({ "through": -1 });
    let wrong = api.send(request(&ada, Method::POST, path, Some(wrong), &[])).await;
    assert_eq!(wrong.problem(422)["field"], "through");
    let ahead = json!({ "through": 1_000_000 });
    let ahead = api.send(request(&ada, Method::POST, path, Some(ahead), &[])).await;
    assert_eq!(ahead.problem(422)["field"], "at_least_position");
}

#[tokio::test]
async fn entries_of_a_version_that_was_corrected_or_withdrawn_say_so() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let ada = signed_in(&api, "ada").await;
    served(&api, "v1", json!({})).await;
    served(&api, "v2", json!({ "corrects": "v1" })).await;
    let reason = json!({ "reason": "wrong desk" });
    api.post("/v1/reports/risk/versions/v2/withdraw", reason).await.ok(200);
    let all = inbox(&api, &ada, "").await;
    assert_eq!(versions(&all), ["v2", "v1"]);
    assert_eq!(all["rows"][1]["corrected_by"], "v2");
    assert!(all["rows"][1].get("withdrawn_at").is_none());
    assert_eq!(all["rows"][0]["withdraw_reason"], "wrong desk");
    assert!(all["rows"][0]["withdrawn_at"].is_string());
}

#[tokio::test]
async fn a_file_of_an_entry_is_given_out_while_its_recipient_may_have_it() {
    let api = Api::start().await;
    wishes(&api, &["ada", "bob"]).await;
    let (ada, bob) = (signed_in(&api, "ada").await, signed_in(&api, "bob").await);
    let upload = axum::http::Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", api.key))
        .body(axum::body::Body::from("1,2,3\n"))
        .unwrap();
    let sha256 = api.send(upload).await.ok(201)["sha256"].take();
    let file = json!({ "name": "risk 1.csv", "format": "csv", "sha256": sha256 });
    let entry = served(&api, "v1", json!({ "artifacts": [file] })).await;
    let head = api.state.ledger.head().await.unwrap();
    let path = format!("/v1/inbox/{entry}/files/risk%201.csv?at_least_position={head}");
    let ask =
        async |key: &str, path: &str| api.send(request(key, Method::GET, path, None, &[])).await;
    let got = ask(&ada, &path).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "1,2,3\n".to_owned()));
    assert_eq!(got.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(ask(&api.key, &path).await.bytes, got.bytes);
    ask(&bob, &path).await.problem(404);
    ask(&ada, &format!("/v1/inbox/{entry}/files/other.csv")).await.problem(404);

    api.delete("/v1/recipients/ada/entitlements/all?reason=moved").await.ok(200);
    assert_eq!(ask(&ada, &path).await.problem(409)["rule"], "not_entitled");
    let grant = json!({ "report": "risk" });
    api.put("/v1/recipients/ada/entitlements/again", grant).await.ok(200);
    assert_eq!(ask(&ada, &path).await.status, 200);
    let reason = json!({ "reason": "wrong" });
    let withdrawn = api.post("/v1/reports/risk/versions/v1/withdraw", reason).await;
    withdrawn.ok(200);
    let path = format!("{path}&at_least_position={}", withdrawn.position());
    let path = path.replacen(&format!("at_least_position={head}&"), "", 1);
    assert_eq!(ask(&ada, &path).await.problem(409)["rule"], "version_withdrawn");
}

#[tokio::test]
async fn only_what_is_in_an_inbox_can_be_marked() {
    let api = Api::start().await;
    api.audience().await;
    let hook = publish(&api, "v1", "bob", json!({})).await[0].to_string();
    let problem = mark(&api, &api.key, &hook, "read", None).await.problem(409);
    assert_eq!(problem["rule"], "not_in_inbox");
    let nobody = DeliveryId::from_uuid(uuid::Uuid::nil()).to_string();
    mark(&api, &api.key, &nobody, "read", None).await.problem(404);
    assert_eq!(
        mark(&api, &api.key, "nonsense", "read", None).await.problem(422)["field"],
        "delivery"
    );
    let inbox = json!({ "channel": "inbox", "value": "anything" });
    let refused = api.put("/v1/recipients/bob/addresses/in", inbox).await.problem(422);
    assert_eq!(refused["field"], "channel");
}

#[tokio::test]
async fn a_token_opens_its_recipients_own_inbox_and_no_other_route() {
    let api = Api::start().await;
    let things = Things::of(&api).await;
    let bob = signed_in(&api, "bob").await;
    let (mut closed, mut open) = (0, 0);
    for (method, path, asked) in ACCESS {
        match asked {
            Access::Needs(_) | Access::Installation(_) => {
                let problem = things.knock(&api, &bob, method, path).await.problem(403);
                assert_eq!(problem["code"], "scope_missing", "{method} {path}");
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains("own inbox"), "{method} {path}: {detail}");
                closed += 1;
            }
            Access::Own(_) => {
                let answer = things.knock(&api, &bob, method, path).await;
                let status = answer.status.as_u16();
                assert!([200, 409].contains(&status), "{method} {path}: {}", answer.text());
                open += 1;
            }
            Access::Public => {}
        }
    }
    assert!(closed > 35, "only {closed} routes are closed to recipients");
    assert_eq!(open, 8);
}

#[tokio::test]
async fn a_recipient_neither_sees_nor_marks_what_is_anothers() {
    let api = Api::start().await;
    wishes(&api, &["ada", "bob"]).await;
    api.tenant("rival").await;
    let rival_key = api.key_of("rival", &schema::events::Scope::ALL).await;
    let person = json!({ "kind": "person" });
    api.call(&rival_key, Method::PUT, "/v1/recipients/ada", person).await.ok(201);
    let tokens = "/v1/recipients/ada/tokens";
    let namesake = api.call(&rival_key, Method::POST, tokens, json!({})).await.ok(201);
    let namesake = namesake["token"].as_str().unwrap().to_owned();
    served(&api, "v1", json!({})).await;
    let (ada, bob) = (signed_in(&api, "ada").await, signed_in(&api, "bob").await);
    let entry = inbox(&api, &ada, "").await["rows"][0]["delivery"].as_str().unwrap().to_owned();

    let other = "/v1/recipients/ada/inbox";
    let refused = api.send(request(&bob, Method::GET, other, None, &[])).await.problem(403);
    assert_eq!(refused["code"], "scope_missing");
    let all = "/v1/recipients/ada/inbox/read";
    let seen = Some(json!({ "through": 1 }));
    api.send(request(&bob, Method::POST, all, seen, &[])).await.problem(403);
    let before = api.event_count().await;
    for who in [&bob, &namesake] {
        for verb in ["read", "acknowledge", "unsnooze"] {
            mark(&api, who, &entry, verb, None).await.problem(404);
        }
    }
    assert_eq!(api.event_count().await, before);
    assert_eq!(versions(&inbox(&api, &namesake, "").await), [""; 0], "of the rival's own ada");
    mark(&api, &ada, &entry, "read", None).await.ok(200);
}

#[tokio::test]
async fn a_token_that_is_forged_expired_or_its_recipients_last_opens_nothing() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let told = api.post("/v1/recipients/ada/tokens", json!({ "ttl_s": 1 })).await;
    assert_eq!(told.header("cache-control"), "no-store");
    let short = told.ok(201)["token"].as_str().unwrap().to_owned();
    let ada = signed_in(&api, "ada").await;
    let knock = async |token: &str| {
        let path = "/v1/recipients/ada/inbox";
        api.send(request(token, Method::GET, path, None, &[])).await
    };
    knock(&ada).await.ok(200);

    let (said, signature) = ada.strip_prefix("wbr_").unwrap().split_once('.').unwrap();
    let rival = encode("rival/ada/1999999999000000");
    let longer = encode("acme/ada/1999999999000000");
    let links = api.ledger.vault.sign("unsubscribe", b"acme/ada/1999999999000000");
    for forged in [
        format!("wbr_{said}.{}", signature.to_lowercase()),
        format!("wbr_{said}.AAAA"),
        format!("wbr_{said}"),
        format!("wbr_{rival}.{signature}"),
        format!("wbr_{longer}.{signature}"),
        format!("wbr_{longer}.{links}"),
        "wbr_".to_owned(),
        format!("wbr_{}", "A".repeat(400)),
    ] {
        assert_eq!(knock(&forged).await.problem(401)["code"], "unauthenticated", "{forged}");
    }
    let expired = api.ledger.vault.sign("recipient token", b"acme/ada/1");
    let expired = knock(&format!("wbr_{}.{expired}", encode("acme/ada/1"))).await.problem(401);
    assert!(expired["detail"].as_str().unwrap().contains("expired"), "{expired}");
    while knock(&short).await.status == 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    knock(&short).await.problem(401);

    api.delete("/v1/recipients/ada?reason=left").await.ok(200);
    assert!(knock(&ada).await.problem(401)["detail"].as_str().unwrap().contains("retired"));
    api.post("/v1/recipients/ada/tokens", json!({})).await.problem(404);
}

fn encode(said: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(said)
}

#[tokio::test]
async fn a_token_holds_for_a_day_at_most_and_for_a_known_recipient() {
    let api = Api::start().await;
    wishes(&api, &["ada"]).await;
    let path = "/v1/recipients/ada/tokens";
    for ttl_s in [0, 86_401] {
        let problem = api.post(path, json!({ "ttl_s": ttl_s })).await.problem(422);
        let told = (problem["field"].as_str(), problem["value"].as_str());
        assert_eq!(told, (Some("ttl_s"), Some(&*ttl_s.to_string())));
    }
    let told = api.post(path, json!({ "ttl_s": 86_400 })).await.ok(201);
    assert_eq!(told["recipient"], "ada");
    assert!(told["expires_at"].is_string());
    api.post("/v1/recipients/nobody/tokens", json!({})).await.problem(404);
    let reader = api.key_of(ACME, &[schema::events::Scope::Read]).await;
    api.call(&reader, Method::POST, path, json!({})).await.problem(403);
}
