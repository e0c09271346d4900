//! Every field of every stream × keys that may not see it, out of the published schema.

use schema::events::Scope;
use serde_json::json;
use waybill_api::graphql::access::scope_of;

use super::super::security::objects;
use super::super::world::{World, codes};
use super::socket::{Client, served};
use crate::inbox::{serve, wish};
use crate::support::ACME;

/// One question for each field that a stream gives, with the scopes it needs.
fn questions(run: &str, delivery: &str) -> Vec<(String, [Scope; 2])> {
    let objects = objects();
    let mut questions = Vec::new();
    for (stream, of) in &objects["LiveUpdates"] {
        let call = match stream.as_str() {
            "deliveryChanged" => format!("deliveryChanged(id: \"{delivery}\", after: 0)"),
            "distributionProgress" => format!("distributionProgress(id: \"{run}\")"),
            "events" => "events(after: 0)".to_owned(),
            "inboxUpdates" => "inboxUpdates(recipient: \"ada\", after: 0)".to_owned(),
            other => panic!("{other} has no call: say how it is asked"),
        };
        for (field, inner) in &objects[of] {
            let inner = if objects.contains_key(inner) { " { __typename }" } else { "" };
            let query = format!("subscription {{ {call} {{ {field}{inner} }} }}");
            let needed = [("LiveUpdates", stream), (of.as_str(), field)];
            questions.push((query, needed.map(|(kind, field)| scope_of(kind, field).unwrap())));
        }
    }
    questions
}

/// The codes of the first thing that is said of an operation.
async fn first(client: &mut Client, id: &str, query: &str) -> Vec<String> {
    client.subscribe(id, query, json!({})).await;
    loop {
        let mut said = client.hear().await.unwrap();
        if said["id"] != id {
            continue;
        }
        client.say(json!({ "type": "complete", "id": id })).await;
        return match said["type"].as_str() {
            Some("error") => codes(&json!({ "errors": said["payload"] })),
            Some("next") => codes(&said["payload"].take()),
            _ => panic!("{query}: {said}"),
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_stream_is_told_to_a_key_without_its_scopes() {
    let world = World::peopled(0).await;
    wish(&world.api, "ada").await;
    let run = world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.given_up(id, "bob").await;
    serve(&world.api, world.delivery("v1", "ada").await).await;
    world.settled().await;
    let url = served(&world).await;
    let questions = questions(&run, &id.to_string());
    assert!(questions.len() > 12, "only {} fields are asked for", questions.len());
    for scopes in [
        &Scope::ALL[..],
        &[Scope::Read],
        &[Scope::Audit],
        &[Scope::Publish, Scope::Subscribe, Scope::Operate],
    ] {
        let mut client = Client::connect(&url, &world.api.key_of(ACME, scopes).await).await;
        for (at, (query, needed)) in questions.iter().enumerate() {
            let told = first(&mut client, &at.to_string(), query).await;
            let may = needed.iter().all(|scope| scopes.contains(scope));
            let expected: &[&str] = if may { &[] } else { &["FORBIDDEN"] };
            assert_eq!(told, expected, "{scopes:?}: {query}");
        }
    }
    world.end().await;
}
