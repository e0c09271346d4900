//! Who was served with a version that was corrected.

use serde_json::json;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn who_was_served_is_read_with_what_corrects_it() {
    let world = World::peopled(1).await;
    let run = world.publish("v1").await;
    let first = world.delivery("v1", "bob").await;
    world.retried_to_the_end(first, "bob").await;
    let correction = json!({
        "report": "risk", "version": "v2", "corrects": "v1", "attributes": { "region": "eu" }
    });
    world.api.post("/v1/reports", correction).await.ok(201);
    let second = world.delivery("v2", "bob").await;
    let query = "query($run: ID!, $reached: Boolean) {
        served(distribution: $run, reached: $reached) { totalCount edges { node { delivery recipient outcome
            bouncedAt correction correctionDelivery correctedAt deliveryNode { version } recipientNode { id } } } } }";
    let told = world.data(query, json!({ "run": run })).await;
    let on_its_way = json!({
        "delivery": first.to_string(), "recipient": "bob", "outcome": "delivered", "bouncedAt": null,
        "correction": "v2", "correctionDelivery": second.to_string(), "correctedAt": null,
        "deliveryNode": { "version": "v1" }, "recipientNode": { "id": "bob" }
    });
    assert_eq!(told["served"], json!({ "totalCount": 1, "edges": [{ "node": on_its_way }] }));
    world.retried_to_the_end(second, "bob").await;
    let told = world.data(query, json!({ "run": run, "reached": true })).await;
    assert!(told["served"]["edges"][0]["node"]["correctedAt"].is_string(), "{told}");
    let told = world.data(query, json!({ "run": run, "reached": false })).await;
    assert_eq!(told["served"], json!({ "totalCount": 0, "edges": [] }));
    world.end().await;
}
