//! An inbox, live: nothing is missing, nothing comes twice, and it ends with the token.

use schema::DeliveryId;
use schema::events::{DeliveryEvent, EntryMark};
use serde_json::{Value, json};

use super::super::world::World;
use super::socket::{Client, served};
use crate::inbox::{serve, signed_in, wishes};

const UPDATES: &str = "subscription($after: Position) { inboxUpdates(after: $after) {
    position kind entries { delivery version correctedBy withdrawReason readAt }
    counts { unread } } }";

async fn publish(world: &World, version: &str) -> [DeliveryId; 2] {
    let body = json!({ "report": "risk", "version": version });
    world.api.post("/v1/reports", body).await.ok(201);
    [world.delivery(version, "ada").await, world.delivery(version, "bob").await]
}

async fn mark(world: &World, id: DeliveryId, mark: EntryMark) {
    world.record(id, vec![DeliveryEvent::EntryMarked { mark }]).await;
}

/// Kind and version of the next update, with its position.
async fn next(client: &mut Client) -> (String, String, i64) {
    let update = client.data("1").await["inboxUpdates"].take();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let version = text(&update["entries"][0]["version"]);
    (text(&update["kind"]), version, update["position"].as_i64().unwrap())
}

async fn heard(client: &mut Client, count: usize) -> Vec<(String, String)> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let (kind, version, _) = next(client).await;
        heard.push((kind, version));
    }
    heard
}

fn told(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, version)| ((*kind).to_owned(), (*version).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_in_an_inbox_is_told_and_nothing_of_anothers() {
    let world = World::empty().await;
    wishes(&world.api, &["ada", "bob"]).await;
    let token = signed_in(&world.api, "ada").await;
    let [waiting, _] = publish(&world, "v0").await;
    let url = served(&world).await;
    let mut client = Client::connect(&url, &token).await;
    client.subscribe("1", UPDATES, json!({})).await;
    client
        .subscribe("other", "subscription { inboxUpdates(recipient: \"bob\") { kind } }", json!({}))
        .await;
    assert_eq!(client.error("other").await.0, "FORBIDDEN");
    client.subscribe("log", "subscription { events { position } }", json!({})).await;
    assert_eq!(client.error("log").await.0, "FORBIDDEN");

    // Planned before anyone listened, and after.
    let [ada, bob] = publish(&world, "v1").await;
    serve(&world.api, bob).await;
    serve(&world.api, ada).await;
    serve(&world.api, waiting).await;
    mark(&world, bob, EntryMark::Read).await;
    mark(&world, ada, EntryMark::Read).await;
    mark(&world, waiting, EntryMark::Snoozed { until: super::super::world::at(0) }).await;
    mark(&world, waiting, EntryMark::Unsnoozed).await;
    mark(&world, waiting, EntryMark::Acknowledged).await;
    let correction = json!({ "report": "risk", "version": "v2", "corrects": "v1" });
    world.api.post("/v1/reports", correction).await.ok(201);
    let reason = json!({ "reason": "wrong" });
    world.api.post("/v1/reports/risk/versions/v0/withdraw", reason).await.ok(200);

    let expected = told(&[
        ("served", "v1"),
        ("served", "v0"),
        ("read", "v1"),
        ("snoozed", "v0"),
        ("unsnoozed", "v0"),
        ("acknowledged", "v0"),
        ("corrected", "v1"),
    ]);
    assert_eq!(heard(&mut client, 7).await, expected);
    let last = client.data("1").await["inboxUpdates"].take();
    assert_eq!(last["kind"], "withdrawn");
    assert_eq!(last["entries"][0]["withdrawReason"], "wrong");
    assert_eq!(last["counts"], json!({ "unread": 0 }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_was_killed_goes_on_behind_the_last_position_without_gap_or_repetition() {
    const VERSIONS: usize = 30;
    let world = World::empty().await;
    wishes(&world.api, &["ada", "bob"]).await;
    let token = signed_in(&world.api, "ada").await;
    let url = served(&world).await;
    let mut ids = Vec::new();
    for n in 0..VERSIONS {
        ids.push(publish(&world, &format!("v{n}")).await[0]);
    }
    let start = world.head().await.0;
    let (api, served_ids) = (&world, ids.clone());
    let writing = async move {
        for id in served_ids {
            serve(&api.api, id).await;
            mark(api, id, EntryMark::Read).await;
        }
    };
    let reading = async {
        let (mut heard, mut after, mut sockets) = (Vec::new(), start, 0);
        while heard.len() < 2 * VERSIONS {
            let mut client = Client::connect(&url, &token).await;
            client.subscribe("1", UPDATES, json!({ "after": after })).await;
            // Each hears a few more than the one before, then dies without a word.
            for _ in 0..=sockets {
                let (kind, version, position) = next(&mut client).await;
                assert!(position > after, "{position} came again behind {after}");
                after = position;
                heard.push((kind, version));
                if heard.len() == 2 * VERSIONS {
                    break;
                }
            }
            drop(client);
            sockets += 1;
        }
        (heard, sockets)
    };
    let ((), (heard, sockets)) = tokio::join!(writing, reading);
    let expected: Vec<(String, String)> = (0..VERSIONS)
        .flat_map(|n| ["served", "read"].map(|kind| (kind.to_owned(), format!("v{n}"))))
        .collect();
    assert_eq!(heard, expected);
    assert!(sockets > 5, "only {sockets} sockets were killed");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_token_does() {
    let world = World::empty().await;
    wishes(&world.api, &["ada"]).await;
    let tokens = "/v1/recipients/ada/tokens";
    let told = world.api.post(tokens, json!({ "ttl_s": 2 })).await.ok(201);
    let token = told["token"].as_str().unwrap();
    let url = served(&world).await;
    let since = std::time::Instant::now();
    let mut client = Client::connect(&url, token).await;
    client.subscribe("1", UPDATES, json!({})).await;
    assert_eq!(client.hear().await, Err(4403));
    let lived = since.elapsed().as_millis();
    assert!((1_000..4_000).contains(&lived), "cut after {lived} ms");
    let mut again = Client::silent(&url, Some("graphql-transport-ws"), None).await.unwrap();
    again.init(token).await;
    assert_eq!(again.hear().await, Err(4403));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_listens_to_the_inbox_it_names_and_needs_its_scope() {
    let world = World::empty().await;
    wishes(&world.api, &["ada", "bob"]).await;
    let url = served(&world).await;
    let mut client = Client::connect(&url, &world.reader).await;
    client.subscribe("1", UPDATES, json!({})).await;
    assert_eq!(client.error("1").await.0, "BAD_INPUT");
    let bobs =
        "subscription { inboxUpdates(recipient: \"bob\") { position kind entries { version } } }";
    client.subscribe("1", bobs, json!({})).await;
    let [ada, bob] = publish(&world, "v1").await;
    serve(&world.api, ada).await;
    serve(&world.api, bob).await;
    assert_eq!(heard(&mut client, 1).await, told(&[("served", "v1")]));
    let others = [schema::events::Scope::Subscribe, schema::events::Scope::Audit];
    let key = world.api.key_of(crate::support::ACME, &others).await;
    let mut client = Client::connect(&url, &key).await;
    client.subscribe("1", bobs, json!({})).await;
    assert_eq!(client.error("1").await.0, "FORBIDDEN");
    world.end().await;
}
