//! The log as a stream of lines: the same envelope as the mirror's, one tenant's, up to where it is complete.

use axum::http::Method;
use schema::events::Scope;
use schema::{AggregateType, Position};
use serde_json::Value;

use crate::support::{ACME, Answer, Api, request};

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = answer.text();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn positions(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["position"].as_str().unwrap().parse().unwrap()).collect()
}

async fn stored(api: &Api, tenant: &str) -> Vec<store::LogRow> {
    let ledger = &api.ledger.ledger;
    let head = ledger.head().await.unwrap();
    let mut rows = ledger.read(Position::START, head, 100_000, None).await.unwrap();
    rows.retain(|row| row.decoded().unwrap().metadata.tenant.as_str() == tenant);
    rows
}

#[tokio::test]
async fn a_tenants_events_are_told_in_order_with_the_mirrors_attributes_and_the_stored_bytes() {
    let api = Api::start().await;
    api.audience().await;
    api.tenant("rival").await;
    let stored = stored(&api, ACME).await;
    let head = api.ledger.ledger.head().await.unwrap();
    let all = api.get(&format!("/v1/events?at_least_position={head}")).await;
    let told = lines(&all);
    assert_eq!(positions(&told), stored.iter().map(|row| row.position.0).collect::<Vec<_>>());
    let source = format!("urn:uuid:{}", api.ledger.ledger.installation().await.unwrap());
    for ((line, row), text) in told.iter().zip(&stored).zip(all.text().lines()) {
        let attributes = row.stored().attributes(&source).unwrap();
        for (name, value) in &attributes {
            assert_eq!(line[name], **value);
        }
        assert_eq!(line.as_object().unwrap().len(), attributes.len() + 1);
        assert!(text.ends_with(&format!(",\"data\":{}}}", row.payload)), "{text}");
    }
    assert!(!all.text().contains("hooks.example.com"), "sealed stays sealed");

    let behind = stored[2].position.0;
    let rest = lines(&api.get(&format!("/v1/events?after={behind}")).await);
    assert_eq!(rest, told[3..]);
    let two = lines(&api.get(&format!("/v1/events?after={behind}&limit=2")).await);
    assert_eq!(two, told[3..5]);
    let some = lines(&api.get("/v1/events?types=recipient,subscription").await);
    let kinds = [AggregateType::Recipient, AggregateType::Subscription].map(AggregateType::as_str);
    let expected: Vec<_> = stored
        .iter()
        .filter(|row| kinds.contains(&row.aggregate_type.as_str()))
        .map(|row| row.position.0)
        .collect();
    assert_eq!(positions(&some), expected);
    let end = stored.last().unwrap().position.0;
    assert_eq!(lines(&api.get(&format!("/v1/events?after={end}")).await), Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_named() {
    let api = Api::start().await;
    let head = api.ledger.ledger.head().await.unwrap().0;
    let ahead = head + 1;
    let cases = [
        (format!("after={ahead}"), "after", ahead.to_string(), "must not lie ahead of the log"),
        ("after=-1".to_owned(), "after", "-1".to_owned(), "must be 0 or more"),
        ("after=x".to_owned(), "after", "x".to_owned(), "cannot be read"),
        ("limit=0".to_owned(), "limit", "0".to_owned(), "must be 1 or more"),
        ("types=report,mail".to_owned(), "types", "mail".to_owned(), "must be among tenant"),
        ("since=1".to_owned(), "since", "since".to_owned(), "is not known here"),
    ];
    for (query, field, value, rule) in cases {
        let problem = api.get(&format!("/v1/events?{query}")).await.problem(422);
        assert_eq!((&problem["field"], &problem["value"]), (&field.into(), &value.into()));
        assert!(problem["rule"].as_str().unwrap().starts_with(rule), "{problem}");
    }
}

#[tokio::test]
async fn only_so_many_streams_are_under_way_at_once_and_a_revoked_key_ends_its_own() {
    let api = Api::start().await;
    let auditor = api.key_of(ACME, &[Scope::Audit]).await;
    let ask = || request(&auditor, Method::GET, "/v1/events", None, &[]);
    let mut open = Vec::new();
    let refused = loop {
        let answer = tower::ServiceExt::oneshot(api.router.clone(), ask()).await.unwrap();
        if answer.status().as_u16() != 200 {
            break answer;
        }
        open.push(answer);
        assert!(open.len() < 1_000);
    };
    assert_eq!(refused.status().as_u16(), 503);
    let one = open.pop().unwrap();
    drop(open);
    crate::security::revoke(&api, &auditor).await;
    let ended = axum::body::to_bytes(one.into_body(), 1 << 20).await;
    assert!(ended.is_err(), "it breaks off: an answer that ends is whole");
    let again = request(&api.key, Method::GET, "/v1/events?limit=1", None, &[]);
    assert_eq!(lines(&api.send(again).await).len(), 1);
}
