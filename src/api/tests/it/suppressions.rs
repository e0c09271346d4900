//! Lists of addresses that nothing is sent to: brought in, told, lifted; and a mail that came back, by HTTP.

use axum::body::Body;
use axum::http::{Method, Request};
use schema::events::{RecipientEvent, Scope, SuppressionReason};
use schema::{LedgerEvent, StreamId, TenantId};
use serde_json::{Value, json};

use crate::support::{ACME, Answer, Api, request};

async fn mailbox(api: &Api, recipient: &str, address: &str) {
    let profile = json!({ "kind": "person" });
    api.put(&format!("/v1/recipients/{recipient}"), profile).await;
    let body = json!({ "channel": "mail", "value": address });
    api.put(&format!("/v1/recipients/{recipient}/addresses/work"), body).await.ok(200);
}

async fn import(api: &Api, key: &str, list: &str) -> Answer {
    let request = Request::post("/v1/suppressions")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/x-ndjson")
        .body(Body::from(list.to_owned()));
    api.send(request.unwrap()).await
}

/// Why and until when the recipient's address was suppressed, and when it was lifted.
async fn story(api: &Api, recipient: &str) -> Vec<String> {
    let stream =
        StreamId::recipient(&TenantId::try_new(ACME).unwrap(), &recipient.parse().unwrap());
    let events = api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
    let told = events.iter().filter_map(|event| match &event.event {
        LedgerEvent::Recipient(RecipientEvent::AddressSuppressed { reason, until, .. }) => {
            assert_eq!(*reason, SuppressionReason::Imported);
            Some(until.map_or("for good".to_owned(), |until| until.to_string()))
        }
        LedgerEvent::Recipient(RecipientEvent::SuppressionLifted { reason, .. }) => {
            Some(format!("lifted: {reason}"))
        }
        _ => None,
    });
    told.collect()
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_list_suppresses_whoever_has_an_address_now_and_whoever_gets_it_later() {
    let api = Api::start().await;
    mailbox(&api, "ada", "Ada@Customer.Example").await;
    let until = "2099-01-01T00:00:00.000000Z";
    let list = format!(
        "{{\"address\":\"Ada@customer.example\"}}\n\n{{\"address\":\"bob@customer.example\",\"until\":\"{until}\"}}\n"
    );
    let told = import(&api, &api.key, &list).await.ok(200);
    assert_eq!((&told["lines"], &told["listed"]), (&json!(2), &json!(2)));
    assert_eq!((&told["suppressed"], &told["rejected"]), (&json!(1), &json!([])));
    assert_eq!(story(&api, "ada").await, ["for good"]);

    mailbox(&api, "bob", "bob@customer.example").await;
    assert_eq!(story(&api, "bob").await, [until]);
    mailbox(&api, "eve", "eve@customer.example").await;
    assert_eq!(story(&api, "eve").await, Vec::<String>::new());

    let before = api.event_count().await;
    let again = import(&api, &api.key, &list).await.ok(200);
    assert_eq!(again["suppressed"], json!(0));
    assert_eq!(api.event_count().await, before, "what is brought in twice changes nothing");
}

#[tokio::test]
async fn a_bad_line_is_told_by_number_and_reason_and_stops_nothing_else() {
    let api = Api::start().await;
    mailbox(&api, "ada", "ada@customer.example").await;
    let list = "{\"address\":\"nobody\"}\nnot json\n{\"address\":\"ada@customer.example\"}\n\
                {\"address\":\"bob@customer.example\",\"until\":\"tomorrow\"}\n{\"adress\":\"x\"}\n[]\n";
    let told = import(&api, &api.key, list).await.ok(200);
    assert_eq!((&told["lines"], &told["listed"]), (&json!(6), &json!(1)));
    let rejected = told["rejected"].as_array().unwrap();
    let numbers: Vec<_> = rejected.iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 4, 5, 6]);
    let reasons: Vec<_> = rejected.iter().map(|bad| bad["reason"].as_str().unwrap()).collect();
    assert!(reasons[0].starts_with("address: "), "{reasons:?}");
    assert!(reasons[2].starts_with("until: must be an RFC 3339 instant"), "{reasons:?}");
    assert!(!told.to_string().contains("customer.example"), "no address is told back");
    assert_eq!(story(&api, "ada").await, ["for good"]);
}

#[tokio::test]
async fn what_is_told_can_be_brought_in_again_and_what_is_lifted_is_told_no_more() {
    let api = Api::start().await;
    mailbox(&api, "ada", "ada@customer.example").await;
    import(&api, &api.key, "{\"address\":\"ada@customer.example\"}").await.ok(200);
    let told = api.get("/v1/suppressions").await;
    let expected = json!({
        "address": "ada@customer.example", "reason": "imported", "recipient": "ada", "name": "work",
    });
    assert_eq!(lines(&told), [expected]);
    let again = import(&api, &api.key, &told.text()).await.ok(200);
    assert_eq!((&again["listed"], &again["rejected"]), (&json!(1), &json!([])));

    let lift = json!({ "address": "ada@customer.example", "reason": "she asked" });
    let lifted = api.post("/v1/suppressions/lift", lift.clone()).await.ok(200);
    assert_eq!((&lifted["lifted"], &lifted["unlisted"]), (&json!(1), &json!(true)));
    assert_eq!(lines(&api.get("/v1/suppressions").await), Vec::<Value>::new());
    let again = api.post("/v1/suppressions/lift", lift).await.ok(200);
    assert_eq!((&again["lifted"], &again["unlisted"]), (&json!(0), &json!(false)));
    assert_eq!(story(&api, "ada").await, ["for good", "lifted: she asked"]);
    mailbox(&api, "bob", "ada@customer.example").await;
    assert_eq!(story(&api, "bob").await, Vec::<String>::new(), "it is on the list no more");
}

#[tokio::test]
async fn lists_are_a_tenants_own_and_need_their_scopes() {
    let api = Api::start().await;
    mailbox(&api, "ada", "ada@customer.example").await;
    api.tenant("rival").await;
    let rival = api.key_of("rival", &Scope::ALL).await;
    let told = import(&api, &rival, "{\"address\":\"ada@customer.example\"}").await.ok(200);
    assert_eq!(told["suppressed"], json!(0));
    assert_eq!(story(&api, "ada").await, Vec::<String>::new());

    let reader = api.key_of(ACME, &[Scope::Read, Scope::Subscribe]).await;
    import(&api, &reader, "{}").await.problem(403);
    let answer = api.send(request(&reader, Method::GET, "/v1/suppressions", None, &[])).await;
    answer.problem(403);
    let body = json!({ "address": "a@b.example", "reason": "x" });
    api.call(&reader, Method::POST, "/v1/suppressions/lift", body).await.problem(403);
    let silent = json!({ "address": "a@b.example", "reason": "" });
    api.post("/v1/suppressions/lift", silent).await.problem(422);
    let wrong = api.post("/v1/suppressions", json!({})).await;
    wrong.problem(415);
}

#[tokio::test]
async fn a_request_repeated_under_its_key_gets_its_first_answer() {
    let api = Api::start().await;
    mailbox(&api, "ada", "ada@customer.example").await;
    let import = async || {
        let request = Request::post("/v1/suppressions")
            .header("authorization", format!("Bearer {}", api.key))
            .header("content-type", "application/x-ndjson")
            .header("idempotency-key", "list-1")
            .body(Body::from("{\"address\":\"ada@customer.example\"}"));
        api.send(request.unwrap()).await
    };
    let first = import().await.ok(200);
    assert_eq!(first["suppressed"], json!(1));
    let again = import().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.ok(200)["suppressed"], json!(1));
}
