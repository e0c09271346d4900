//! Inboxes by GraphQL, as a recipient that signed in sees them.

use axum::http::StatusCode;
use schema::StreamId;
use schema::events::{DeliveryEvent, EntryMark};
use serde_json::{Value, json};
use waybill_api::graphql::access::{FIELDS, is_own};

use super::world::{World, codes};
use crate::inbox::{serve, signed_in, wishes};
use crate::support::ACME;

const INBOX: &str =
    "query($f: InboxFilter, $r: ID) { inbox(recipient: $r, filter: $f) { totalCount edges { node {
    version title severity correctedBy withdrawReason readAt files { name format sizeBytes } } } }
    inboxCounts(recipient: $r) { unread info warning critical snoozed } }";

async fn published(world: &World, version: &str, severity: &str) -> String {
    let body = json!({
        "report": "risk", "version": version, "attributes": { "severity": severity }
    });
    world.api.post("/v1/reports", body).await.ok(201);
    let id = world.delivery(version, "ada").await;
    serve(&world.api, id).await;
    id.to_string()
}

async fn ask(world: &World, key: &str, variables: Value) -> Value {
    let (status, told) = world.ask(key, INBOX, variables).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(codes(&told), [""; 0], "{told}");
    told["data"].clone()
}

fn versions(told: &Value) -> Vec<&str> {
    let edges = told["inbox"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"]["version"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_reads_its_inbox_by_severity_and_a_key_reads_anyones() {
    let world = World::empty().await;
    wishes(&world.api, &["ada", "bob"]).await;
    published(&world, "v1", "critical").await;
    let second = published(&world, "v2", "warning").await;
    published(&world, "v3", "info").await;
    let ada = signed_in(&world.api, "ada").await;
    world
        .record(second.parse().unwrap(), vec![DeliveryEvent::EntryMarked { mark: EntryMark::Read }])
        .await;

    let own = ask(&world, &ada, json!({})).await;
    assert_eq!(versions(&own), ["v3", "v2", "v1"]);
    assert_eq!(own["inbox"]["totalCount"], 3);
    let counts = json!({ "unread": 2, "info": 1, "warning": 0, "critical": 1, "snoozed": 0 });
    assert_eq!(own["inboxCounts"], counts);
    assert_eq!(ask(&world, &ada, json!({ "r": "ada" })).await, own);
    assert_eq!(ask(&world, &world.reader, json!({ "r": "ada" })).await, own);
    let unread =
        ask(&world, &ada, json!({ "f": { "unread": true, "severity": "critical" } })).await;
    assert_eq!(versions(&unread), ["v1"]);
    assert_eq!(versions(&ask(&world, &ada, json!({ "f": { "snoozed": true } })).await), [""; 0]);
    let bob = ask(&world, &world.reader, json!({ "r": "bob" })).await;
    assert_eq!(versions(&bob), [""; 0], "what is on its way is not shown");

    let nobodys = world.codes(&world.reader, INBOX, json!({})).await;
    assert_eq!(nobodys, ["BAD_INPUT", "BAD_INPUT"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_says_that_its_version_was_corrected_or_withdrawn() {
    let world = World::empty().await;
    wishes(&world.api, &["ada"]).await;
    let ada = signed_in(&world.api, "ada").await;
    published(&world, "v1", "info").await;
    let correction = json!({ "report": "risk", "version": "v2", "corrects": "v1" });
    world.api.post("/v1/reports", correction).await.ok(201);
    let told = ask(&world, &ada, json!({})).await;
    assert_eq!(told["inbox"]["edges"][0]["node"]["correctedBy"], "v2");
    let reason = json!({ "reason": "wrong" });
    world.api.post("/v1/reports/risk/versions/v1/withdraw", reason).await.ok(200);
    let told = ask(&world, &ada, json!({})).await;
    assert_eq!(told["inbox"]["edges"][0]["node"]["withdrawReason"], "wrong");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_no_other_field_and_nobody_elses_inbox() {
    let world = World::empty().await;
    wishes(&world.api, &["ada", "bob"]).await;
    published(&world, "v1", "info").await;
    let bob = signed_in(&world.api, "bob").await;
    for query in [
        "{ deliveries { totalCount } }",
        "{ recipients { totalCount } }",
        "{ recipient(id: \"bob\") { id } }",
        "{ tenant { id } }",
        "{ viewer { tenant } }",
        "{ logStatus { head } }",
        "{ asOf(kind: recipient, id: \"bob\", moment: { position: 1 }) { state } }",
        "{ analytics { sql(statement: \"select 1\") { rows } } }",
        "{ inbox(recipient: \"ada\") { totalCount } }",
        "{ inboxCounts(recipient: \"ada\") { unread } }",
    ] {
        let (_, told) = world.ask(&bob, query, json!({})).await;
        assert_eq!(codes(&told), ["FORBIDDEN"], "{query}: {told}");
        assert!(told["errors"][0]["message"].as_str().unwrap().contains("own inbox"), "{told}");
    }
    let kinds = ["Query", "LiveUpdates", "Viewer", "Delivery", "LogEvent", "AuditRow", "Personal"];
    let open: Vec<String> = FIELDS
        .iter()
        .filter(|(kind, ..)| kinds.contains(kind))
        .flat_map(|(kind, _, fields)| fields.split_ascii_whitespace().map(move |f| (*kind, f)))
        .filter(|(kind, field)| is_own(kind, field))
        .map(|(kind, field)| format!("{kind}.{field}"))
        .collect();
    assert_eq!(open, ["Query.inbox", "Query.inboxCounts", "LiveUpdates.inboxUpdates"]);
    assert!(!is_own("InboxEntry", "addedAndForgotten"));

    let (status, told) =
        world.ask("wbr_forged.AAAA", "{ inboxCounts { unread } }", json!({})).await;
    assert_eq!(
        (status, codes(&told)),
        (StatusCode::UNAUTHORIZED, vec!["UNAUTHENTICATED".to_owned()])
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_retired_reads_its_inbox_no_more() {
    let world = World::empty().await;
    wishes(&world.api, &["ada"]).await;
    let ada = signed_in(&world.api, "ada").await;
    ask(&world, &ada, json!({})).await;
    let stream = StreamId::recipient(&ACME.parse().unwrap(), &"ada".parse().unwrap());
    let retired = schema::events::RecipientEvent::RecipientRetired { reason: "left".to_owned() };
    world.api.append(ACME, stream, vec![retired.into()]).await;
    let (status, _) = world.ask(&ada, INBOX, json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    world.end().await;
}
