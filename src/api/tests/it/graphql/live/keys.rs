//! Who may listen, and until when.

use schema::events::{ApiKeyEvent, Scope};
use schema::{ApiKeyId, StreamId, TenantId};
use serde_json::json;

use super::super::world::World;
use super::socket::{Client, served};
use crate::support::ACME;

const PROTOCOL: Option<&str> = Some("graphql-transport-ws");

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_keep_to_the_protocol_is_told_by_its_codes() {
    let world = World::empty().await;
    let url = served(&world).await;

    let mut client = Client::silent(&url, PROTOCOL, None).await.unwrap();
    client.subscribe("1", "subscription { events { position } }", json!({})).await;
    assert_eq!(client.hear().await, Err(4401), "before it said who it is");

    for key in ["", "wb_nobody_nothing"] {
        let mut client = Client::silent(&url, PROTOCOL, None).await.unwrap();
        client.init(key).await;
        assert_eq!(client.hear().await, Err(4403), "{key:?}");
    }
    let mut client = Client::silent(&url, PROTOCOL, None).await.unwrap();
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.hear().await, Err(4403), "no key");

    let mut client = Client::silent(&url, PROTOCOL, Some(&world.reader)).await.unwrap();
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.hear().await, Ok(json!({ "type": "connection_ack" })), "the header's key");
    client.init(&world.reader).await;
    assert_eq!(client.hear().await, Err(4429), "twice");

    for nonsense in ["nonsense", "{\"type\":\"shout\"}", "[[[["] {
        let mut client = Client::connect(&url, &world.reader).await;
        client.text(nonsense.to_owned()).await;
        assert_eq!(client.hear().await, Err(4400), "{nonsense}");
    }

    let mut client = Client::connect(&url, &world.api.key).await;
    let query = "subscription { events { position } }";
    client.subscribe("1", query, json!({})).await;
    client.subscribe("1", query, json!({})).await;
    assert_eq!(client.hear().await, Err(4409), "the same id twice");

    let mut client = Client::connect(&url, &world.api.key).await;
    for id in 0..17 {
        client.subscribe(&id.to_string(), query, json!({})).await;
    }
    assert_eq!(client.error("16").await.0, "TOO_COMPLEX");
    client.say(json!({ "type": "ping", "payload": { "a": 1 } })).await;
    assert_eq!(client.hear().await, Ok(json!({ "type": "pong", "payload": { "a": 1 } })));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_and_whoever_speaks_another_language_is_sent_away() {
    let world = World::empty().await;
    let url = served(&world).await;
    let mut mute = Client::silent(&url, PROTOCOL, None).await.unwrap();
    let mut foreign = Client::silent(&url, None, None).await.unwrap();
    assert_eq!(foreign.hear().await, Err(4406), "no subprotocol");
    assert_eq!(mute.hear().await, Err(4408), "not a word for five seconds");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_closed_to_other_scopes_and_other_tenants() {
    let world = World::peopled(0).await;
    let run = world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.settled().await;
    let url = served(&world).await;
    let streams = [
        ("events", "subscription { events { position } }".to_owned(), Scope::Audit),
        (
            "delivery",
            format!("subscription {{ deliveryChanged(id: \"{id}\") {{ position }} }}"),
            Scope::Read,
        ),
        (
            "deliveries",
            format!("subscription {{ deliveryChanged(distribution: \"{run}\") {{ position }} }}"),
            Scope::Read,
        ),
        (
            "progress",
            format!("subscription {{ distributionProgress(id: \"{run}\") {{ position }} }}"),
            Scope::Read,
        ),
    ];
    for (name, query, scope) in &streams {
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| other != scope).collect();
        let key = world.api.key_of(ACME, &others).await;
        let mut client = Client::connect(&url, &key).await;
        client.subscribe("1", query, json!({})).await;
        assert_eq!(client.error("1").await.0, "FORBIDDEN", "{name}");
    }
    world.api.tenant("other").await;
    let stranger = world.api.key_of("other", &Scope::ALL).await;
    world.settled().await;
    let mut client = Client::connect(&url, &stranger).await;
    for (name, query, _) in &streams[1..] {
        client.subscribe(name, query, json!({})).await;
        assert_eq!(client.error(name).await.0, "NOT_FOUND", "{name}");
    }
    // All that a stranger hears of a log full of acme's events is its own tenant's.
    client.subscribe("all", "subscription { events(after: 0) { aggregateId } }", json!({})).await;
    assert_eq!(client.data("all").await["events"]["aggregateId"], "other");
    let key = client.data("all").await["events"]["aggregateId"].as_str().unwrap().to_owned();
    assert!(key.starts_with("other/"), "{key}");
    world.retried_to_the_end(id, "bob").await;
    world.api.tenant("third").await;
    let own = StreamId::tenant(&TenantId::try_new("other").unwrap());
    let paused = schema::events::TenantEvent::DispatchPaused {
        scope: schema::events::PauseScope::All,
        reason: "a pause".to_owned(),
    };
    world.api.append("other", own, vec![paused.into()]).await;
    assert_eq!(client.data("all").await["events"]["aggregateId"], "other");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_cuts_its_streams() {
    let world = World::peopled(0).await;
    let url = served(&world).await;
    let key = world.api.key_of(ACME, &[Scope::Audit]).await;
    let mut client = Client::connect(&url, &key).await;
    client.subscribe("1", "subscription { events { position } }", json!({})).await;
    let mut other = Client::connect(&url, &world.api.key).await;

    let id = ApiKeyId::try_new(key.split('_').nth(1).unwrap()).unwrap();
    let stream = StreamId::api_key(&TenantId::try_new(ACME).unwrap(), &id);
    let revoked = ApiKeyEvent::ApiKeyRevoked { reason: "lost".to_owned() };
    let since = std::time::Instant::now();
    world.api.append(ACME, stream, vec![revoked.into()]).await;

    let closed = loop {
        match client.hear().await {
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(closed, 4403);
    assert!(since.elapsed().as_millis() < 1_000, "cut after {:?}", since.elapsed());
    other.say(json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await, Ok(json!({ "type": "pong" })), "others go on");
    world.end().await;
}
