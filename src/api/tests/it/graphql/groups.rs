//! Groups, their members, and what they are subscribed to.

use serde_json::json;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_read_from_every_side() {
    let world = World::peopled(1).await;
    let api = &world.api;
    api.put("/v1/groups/desk", json!({ "title": "Desk" })).await.ok(201);
    api.put("/v1/groups/floor", json!({ "title": "Floor" })).await.ok(201);
    api.put("/v1/groups/desk/members/recipients/bob", json!(null)).await.ok(200);
    api.put("/v1/groups/desk/members/groups/floor", json!(null)).await.ok(200);
    let wish = json!({
        "group": "desk", "selector": { "report": "risk" }, "preferences": { "channels": ["webhook"] }
    });
    let made = api.put("/v1/subscriptions/desk-risk", wish).await.ok(201);
    let query = "query($at: Position!) {
        group(id: \"desk\", atLeastPosition: $at) { id title recipientCount groupCount }
        groups(filter: { recipient: \"bob\" }) { totalCount edges { node { id } } }
        groupMembers(group: \"desk\", order: ascending) { totalCount edges { node {
            kind member addedBy groupNode { title } recipientNode { id } } } }
        recipient(id: \"bob\") { groups { group groupNode { title } } }
        subscription(id: \"desk-risk\") { recipient group optedOut groupNode { id } recipientNode { id } }
        subscriptions(filter: { group: \"desk\" }) { totalCount } }";
    let told = world.data(query, json!({ "at": made["position"] })).await;
    assert_eq!(
        told["group"],
        json!({ "id": "desk", "title": "Desk", "recipientCount": 1, "groupCount": 1 })
    );
    assert_eq!(told["groups"], json!({ "totalCount": 1, "edges": [{ "node": { "id": "desk" } }] }));
    let members = &told["groupMembers"];
    assert_eq!(members["totalCount"], 2);
    let (bob, floor) = (&members["edges"][0]["node"], &members["edges"][1]["node"]);
    assert_eq!((&bob["kind"], &bob["recipientNode"]["id"]), (&json!("recipient"), &json!("bob")));
    assert_eq!((&floor["kind"], &floor["recipientNode"]), (&json!("group"), &json!(null)));
    assert_eq!(
        told["recipient"]["groups"],
        json!([{ "group": "desk", "groupNode": { "title": "Desk" } }])
    );
    let expected = json!({
        "recipient": null, "group": "desk", "optedOut": 0, "groupNode": { "id": "desk" },
        "recipientNode": null
    });
    assert_eq!(told["subscription"], expected);
    assert_eq!(told["subscriptions"]["totalCount"], 1);
    world.end().await;
}
