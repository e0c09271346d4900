//! Every field of every type × every way of not being allowed. The fields come from the published schema, the scopes
//! from the table; neither can forget the other.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use axum::http::StatusCode;
use schema::events::Scope;
use serde_json::{Value, json};
use waybill_api::graphql::access::{FIELDS, may_see, scope_of};
use waybill_api::graphql::{FaultCode, sdl};

use super::world::{World, codes};
use crate::support::ACME;

/// A moment of the past.
const FIRST: &str = "{ position: 1 }";

/// The fields of each object type, each with the name of its type.
pub fn objects() -> BTreeMap<String, Vec<(String, String)>> {
    let document = parse_schema(sdl()).unwrap();
    let mut objects = BTreeMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(kind) = definition else { continue };
        if let TypeKind::Object(object) = kind.node.kind {
            let fields = object.fields.iter().map(|field| {
                let bare = field.node.ty.node.to_string();
                (field.node.name.node.to_string(), bare.replace(['[', ']', '!'], ""))
            });
            objects.insert(kind.node.name.node.to_string(), fields.collect());
        }
    }
    objects
}

#[test]
fn every_field_has_a_scope_and_every_scope_a_field() {
    let mut published = BTreeSet::new();
    for (kind, fields) in objects() {
        for (field, _) in fields {
            assert!(
                scope_of(&kind, &field).is_some(),
                "{kind}.{field} has no scope: nobody may see it"
            );
            published.insert(format!("{kind}.{field}"));
        }
    }
    for (kind, _, fields) in FIELDS {
        for field in fields.split_ascii_whitespace() {
            assert!(
                published.contains(&format!("{kind}.{field}")),
                "{kind}.{field} is not published"
            );
        }
    }
    assert_eq!(scope_of("Delivery", "addedAndForgotten"), None);
}

#[test]
fn a_field_is_closed_to_every_key_without_its_scope_wherever_it_stands() {
    for (kind, fields) in objects() {
        for (field, _) in fields {
            let scope = scope_of(&kind, &field).unwrap();
            assert!(may_see(&BTreeSet::from([scope]), &kind, &field).is_ok(), "{kind}.{field}");
            let others: BTreeSet<Scope> = Scope::ALL.into_iter().filter(|s| *s != scope).collect();
            let refused = may_see(&others, &kind, &field).unwrap_err();
            assert_eq!(refused.code, FaultCode::Forbidden, "{kind}.{field}");
        }
    }
    let all = Scope::ALL.into();
    let refused = may_see(&all, "Delivery", "addedAndForgotten").unwrap_err();
    assert_eq!(refused.code, FaultCode::Forbidden);
}

/// A way to a type: what stands before and after a selection of it, and the scopes it asks for.
#[derive(Clone, Default)]
struct Road {
    before: String,
    after: String,
    scopes: BTreeSet<Scope>,
}

/// A field as it is asked for, with the arguments that it needs.
fn call(field: &str, run: &str, delivery: &str) -> String {
    match field {
        "delivery" => format!("delivery(id: \"{delivery}\")"),
        "distribution" => format!("distribution(id: \"{run}\")"),
        "served" => format!("served(distribution: \"{run}\")"),
        "decisions" => format!("decisions(filter: {{ distribution: \"{run}\" }})"),
        "recipient" => "recipient(id: \"bob\")".to_owned(),
        "group" => "group(id: \"desk\")".to_owned(),
        "groupMembers" => "groupMembers(group: \"desk\")".to_owned(),
        "subscription" => "subscription(id: \"bob-risk\")".to_owned(),
        "report" => "report(name: \"risk\")".to_owned(),
        "channelHealth" => {
            "channelHealth(filter: { from: \"2026-11-01T00:00:00Z\", until: \"2026-11-30T00:00:00Z\" })".to_owned()
        }
        "asOf" => format!("asOf(kind: recipient, id: \"bob\", moment: {FIRST})"),
        "difference" => {
            format!("difference(kind: recipient, id: \"bob\", from: {FIRST}, to: {FIRST})")
        }
        "subscribedAt" => format!("subscribedAt(report: \"risk\", moment: {FIRST})"),
        "inbox" | "inboxCounts" => format!("{field}(recipient: \"bob\")"),
        "why" => "why(report: \"risk\", version: \"v1\", recipient: \"bob\")".to_owned(),
        "rollups" => "rollups(by: report)".to_owned(),
        "sql" => "sql(statement: \"select 1\")".to_owned(),
        other => other.to_owned(),
    }
}

/// A way to every type. Ids are those of things that exist in [`ACME`].
fn roads(run: &str, delivery: &str) -> BTreeMap<String, Road> {
    let objects = objects();
    let called = |kind: &str, field: &str| match kind {
        "Query" | "Analytics" => call(field, run, delivery),
        _ => field.to_owned(),
    };
    let root = Road { before: "{ ".to_owned(), after: " }".to_owned(), ..Road::default() };
    let mut roads = BTreeMap::from([("Query".to_owned(), root)]);
    let mut next = vec!["Query".to_owned()];
    while let Some(kind) = next.pop() {
        let Road { before, after, scopes } = roads[&kind].clone();
        for (field, of) in &objects[&kind] {
            if objects.contains_key(of) && !roads.contains_key(of) {
                let mut scopes = scopes.clone();
                scopes.extend(scope_of(&kind, field));
                let field = called(&kind, field);
                let (before, after) = (format!("{before}{field} {{ "), format!(" }}{after}"));
                roads.insert(of.clone(), Road { before, after, scopes });
                next.push(of.clone());
            }
        }
    }
    roads
}

/// One query for each field of each type that can be asked for: the field, the query, the scopes it asks for.
fn questions(run: &str, delivery: &str) -> Vec<(String, String, BTreeSet<Scope>)> {
    let (objects, roads) = (objects(), roads(run, delivery));
    let mut questions = Vec::new();
    for (kind, Road { before, after, scopes }) in &roads {
        for (field, of) in &objects[kind] {
            if kind == "Query" && roads.contains_key(of) {
                continue;
            }
            let inner = if objects.contains_key(of) { " { __typename }" } else { "" };
            let called =
                if kind == "Analytics" { call(field, run, delivery) } else { field.clone() };
            let query = format!("{before}{called}{inner}{after}");
            let mut scopes = scopes.clone();
            scopes.extend(scope_of(kind, field));
            questions.push((format!("{kind}.{field}"), query, scopes));
        }
    }
    questions
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_is_answered_without_a_key_or_with_another_scope() {
    let world = World::peopled(0).await;
    let run = world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.given_up(id, "bob").await;
    let questions = questions(&run, &id.to_string());
    assert!(questions.len() > 180, "only {} fields are asked for", questions.len());
    let others = [Scope::Publish, Scope::Subscribe, Scope::Operate, Scope::Audit];
    let others = world.api.key_of(ACME, &others).await;
    world.settled().await;

    for (field, query, scopes) in questions {
        let body = json!({ "query": query }).to_string();
        let (status, told) = world.post("", body.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{field}");
        assert_eq!(
            (codes(&told), &told["data"]),
            (vec!["UNAUTHENTICATED".to_owned()], &Value::Null)
        );
        let (status, _) = world.post("wb_nobody_nothing", body.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{field}");

        for (key, lacks) in [(&others, Scope::Read), (&world.reader, Scope::Audit)] {
            let (_, told) = world.post(key, body.clone()).await;
            let found: BTreeSet<String> = codes(&told).into_iter().collect();
            let expected = scopes.contains(&lacks).then(|| "FORBIDDEN".to_owned());
            assert_eq!(found, expected.into_iter().collect(), "{field}: {query}: {told}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_key_finds_nothing() {
    let world = World::peopled(0).await;
    let run = world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.given_up(id, "bob").await;
    world.api.tenant("other").await;
    let stranger = world.api.key_of("other", &Scope::ALL).await;
    world.settled().await;

    let mut checked = 0;
    for (kind, Road { before, after, .. }) in roads(&run, &id.to_string()) {
        if kind == "Query" {
            continue;
        }
        let query = format!("{before}__typename{after}");
        let (_, told) = world.ask(&stranger, &query, json!({})).await;
        assert_eq!(codes(&told), [""; 0], "{query}");
        let data = told["data"].as_object().unwrap();
        let (root, found) = data.iter().next().unwrap();
        // What is asked of the past names its position, whoever asks.
        let past = ["asOf", "difference", "subscribedAt"];
        // Of analytics one's own rows are there; that they are one's own alone is tested with it.
        let own = ["tenant", "viewer", "logStatus", "analytics", "inboxCounts", "gates"];
        let own = own.iter().chain(&past).any(|name| name == root);
        let nothing = found.is_null()
            || found == &json!([])
            || found == &json!({ "edges": [] })
            || (kind == "PageInfo"
                && found == &json!({ "pageInfo": { "__typename": "PageInfo" } }))
            || found["__typename"].as_str().is_some_and(|name| name.ends_with("Connection"));
        assert!(own || nothing, "{query}: {told}");
        checked += 1;
    }
    assert!(checked > 25, "only {checked} types were asked for");
    let totals = "{ deliveries { totalCount } distributions { totalCount } reports { totalCount }
        recipients { totalCount } subscriptions { totalCount } tenant { id } viewer { tenant } }";
    let (_, told) = world.ask(&stranger, totals, json!({})).await;
    let none = json!({ "totalCount": 0 });
    let expected = json!({
        "deliveries": none, "distributions": none, "reports": none, "recipients": none,
        "subscriptions": none, "tenant": { "id": "other" }, "viewer": { "tenant": "other" }
    });
    assert_eq!(told["data"], expected);
    world.end().await;
}
