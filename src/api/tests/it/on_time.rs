//! "Was it on time?", answered by a mail's link and at an entry of an inbox.

use axum::body::Body;
use axum::http::{Method, Request};
use schema::events::{AnsweredVia, DeliveryEvent, Evidence, OnTimeAnswer};
use schema::{DeliveryId, LedgerEvent, StreamId, Timestamp};
use serde_json::{Value, json};
use store::OnTimeLink;

use crate::inbox::{serve, signed_in, wishes};
use crate::support::{ACME, Answer, Api, request};

const NEVER: Timestamp = Timestamp::from_unix_micros(4_000_000_000_000_000);

fn link(delivery: DeliveryId, answer: OnTimeAnswer, until: Timestamp) -> OnTimeLink {
    let (tenant, recipient) = (ACME.parse().unwrap(), "ada".parse().unwrap());
    OnTimeLink { tenant, delivery, recipient, answer, until }
}

fn token(api: &Api, id: DeliveryId, answer: OnTimeAnswer, until: Timestamp) -> String {
    api.ledger.vault.on_time_token(&link(id, answer, until))
}

async fn knock(api: &Api, method: Method, token: &str) -> Answer {
    let request = Request::builder().method(method).uri(format!("/t/{token}"));
    api.send(request.body(Body::empty()).unwrap()).await
}

/// A delivery to ada's inbox, not yet sent.
async fn planned(api: &Api) -> DeliveryId {
    wishes(api, &["ada"]).await;
    let told = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await;
    let path = format!("/v1/deliveries?recipient=ada&at_least_position={}", told.position());
    let rows = api.get(&path).await.ok(200)["rows"].take();
    rows[0]["delivery"].as_str().unwrap().parse().unwrap()
}

/// What was answered, by whom, oldest first.
async fn answers(api: &Api, id: DeliveryId) -> Vec<(OnTimeAnswer, AnsweredVia, String)> {
    let events = api.ledger.ledger.load_stream(&StreamId::delivery(id), 0).await.unwrap();
    let answered = |event: &schema::RecordedEvent| match &event.event {
        LedgerEvent::Delivery(DeliveryEvent::EvidenceRecorded {
            evidence: Evidence::OnTimeAnswered { answer, via },
        }) => Some((*answer, *via, event.metadata.actor.as_str().to_owned())),
        _ => None,
    };
    events.iter().filter_map(answered).collect()
}

#[tokio::test]
async fn fetching_a_link_records_nothing_and_the_last_answer_counts() {
    let api = Api::start().await;
    let id = planned(&api).await;
    let yes = token(&api, id, OnTimeAnswer::OnTime, NEVER);
    let no = token(&api, id, OnTimeAnswer::Late, NEVER);
    let early = knock(&api, Method::POST, &yes).await;
    assert!(early.status == 409 && early.text().contains("Nothing was recorded"));
    serve(&api, id).await;

    let page = knock(&api, Method::GET, &yes).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<form method=\"post\"><button>Say that it came on time"));
    assert!(page.header("content-security-policy").contains("script-src 'sha256-"));
    knock(&api, Method::HEAD, &no).await;
    assert_eq!(answers(&api, id).await, []);

    for (token, count) in [(&yes, 1), (&yes, 1), (&no, 2), (&no, 2), (&yes, 3)] {
        let told = knock(&api, Method::POST, token).await;
        assert!(told.status == 200 && told.text().contains("Thank you"));
        assert_eq!(answers(&api, id).await.len(), count);
    }
    let by_mail = |answer| (answer, AnsweredVia::Mail, "recipient:ada".to_owned());
    let (yes, no) = (by_mail(OnTimeAnswer::OnTime), by_mail(OnTimeAnswer::Late));
    assert_eq!(answers(&api, id).await, [yes.clone(), no, yes]);
}

#[tokio::test]
async fn a_forged_or_expired_link_is_a_clear_page_and_records_nothing() {
    let api = Api::start().await;
    let id = planned(&api).await;
    serve(&api, id).await;
    let good = token(&api, id, OnTimeAnswer::Late, NEVER);
    let (named, signature) = good.split_once('.').unwrap();
    let other = token(&api, id, OnTimeAnswer::OnTime, NEVER);
    let other = other.split_once('.').unwrap().0;
    let elsewhere = api.ledger.vault.link_token("unsubscribe", &["acme", "ada-risk"]);
    let tenant = "rival".parse().unwrap();
    let stranger = OnTimeLink { tenant, ..link(id, OnTimeAnswer::Late, NEVER) };
    let stranger = api.ledger.vault.on_time_token(&stranger);
    for (forged, told) in [
        (format!("{named}.{}", signature.to_lowercase()), "does not work"),
        (format!("{other}.{signature}"), "does not work"),
        (elsewhere, "does not work"),
        ("nonsense".to_owned(), "does not work"),
        (token(&api, id, OnTimeAnswer::Late, Timestamp::from_unix_micros(1)), "has expired"),
    ] {
        for method in [Method::GET, Method::POST] {
            let page = knock(&api, method, &forged).await;
            assert_eq!(page.status, 404, "{forged}");
            assert!(page.text().contains(told), "{forged}: {}", page.text());
        }
    }
    assert_eq!(knock(&api, Method::POST, &stranger).await.status, 404);
    assert_eq!(answers(&api, id).await, []);
}

#[tokio::test]
async fn a_recipient_answers_at_its_entry_and_reads_it_again_but_not_another_ones() {
    let api = Api::start().await;
    let id = planned(&api).await;
    serve(&api, id).await;
    let ada = signed_in(&api, "ada").await;
    let path = format!("/v1/inbox/{id}/on-time");
    let answer = async |key: &str, body: Value| {
        api.send(request(key, Method::POST, &path, Some(body), &[])).await
    };
    answer(&ada, json!({ "answer": "late" })).await.ok(200);
    answer(&ada, json!({ "answer": "late" })).await.ok(200);
    assert_eq!(answer(&ada, json!({ "answer": "maybe" })).await.problem(422)["field"], "answer");
    crate::inbox::wish(&api, "bob").await;
    let bob = signed_in(&api, "bob").await;
    answer(&bob, json!({ "answer": "on_time" })).await.problem(404);
    let said = (OnTimeAnswer::Late, AnsweredVia::Inbox, "recipient:ada".to_owned());
    assert_eq!(answers(&api, id).await, [said]);

    let head = api.state.ledger.head().await.unwrap();
    let path = format!("/v1/recipients/ada/inbox?at_least_position={head}");
    let inbox = api.send(request(&ada, Method::GET, &path, None, &[])).await.ok(200);
    assert_eq!(inbox["rows"][0]["on_time_answer"], "late");
    let query = json!({ "query": "{ inbox { edges { node { onTimeAnswer } } } }" });
    let told = api.send(request(&ada, Method::POST, "/graphql", Some(query), &[])).await.ok(200);
    assert_eq!(told["data"]["inbox"]["edges"][0]["node"]["onTimeAnswer"], "late");
    let query = format!("{{ delivery(id: \"{id}\") {{ timeline {{ summary }} }} }}");
    let body = Some(json!({ "query": query }));
    let told = api.send(request(&api.key, Method::POST, "/graphql", body, &[])).await.ok(200);
    let text = told.to_string();
    assert!(text.contains("the recipient says in the inbox that it came too late"), "{text}");
}
