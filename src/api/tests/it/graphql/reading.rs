//! What is asked and what is answered.

use serde_json::{Value, json};

use super::world::World;

const TIMELINE: &str = "query Timeline($id: ID!) { delivery(id: $id) { id report version recipient \
     channel state outcome attempts timeline { position recordedAt type actor summary } } }";

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_of_a_retried_delivery_reads_like_a_story() {
    let world = World::peopled(0).await;
    world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.retried_to_the_end(id, "bob").await;

    let told = world.data(TIMELINE, json!({ "id": id.to_string() })).await;

    let delivery = &told["delivery"];
    let facts = ["report", "version", "recipient", "channel", "state", "outcome", "attempts"];
    let facts: Vec<&Value> = facts.iter().map(|name| &delivery[*name]).collect();
    let expected = json!(["risk", "v1", "bob", "webhook", "closed", "delivered", 2]);
    assert_eq!(json!(facts), expected);
    let entries = delivery["timeline"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let expected =
        ["DeliveryScheduled", "AttemptStarted", "AttemptEnded", "AttemptStarted", "AttemptEnded"];
    assert_eq!(kinds, expected);
    let summaries: Vec<&str> =
        entries.iter().map(|entry| entry["summary"].as_str().unwrap()).collect();
    assert!(
        summaries[0].starts_with(
            "planned for bob by webhook to address hook, because of subscription bob-risk"
        ),
        "{}",
        summaries[0]
    );
    assert_eq!(summaries[1], "attempt 1 began on node n1, to revision 1 of the address");
    assert_eq!(
        summaries[2],
        "attempt 1 failed after 12.3 ms: http.503 (transient); next try not before 2027-01-15T08:00:02.000000Z"
    );
    assert!(
        summaries[4].starts_with("attempt 2 was delivered after 12.3 ms: answer 200, 13 bytes")
    );
    let positions: Vec<i64> =
        entries.iter().map(|entry| entry["position"].as_i64().unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_the_list_once_from_both_ends() {
    let world = World::peopled(6).await;
    let run = world.publish("v1").await;
    let query = "query($d: ID!, $first: Int, $after: String, $last: Int, $before: String) {
        deliveries(filter: { distribution: $d }, order: ascending, first: $first, after: $after, last: $last,
                   before: $before) {
            totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            edges { cursor node { recipient } } } }";
    let names = |page: &Value| -> Vec<String> {
        let edges = page["edges"].as_array().unwrap();
        edges.iter().map(|edge| edge["node"]["recipient"].as_str().unwrap().to_owned()).collect()
    };

    let (mut forward, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "d": run, "first": 3, "after": after });
        let page = world.data(query, variables).await["deliveries"].take();
        assert_eq!(page["totalCount"], 7);
        forward.extend(names(&page));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let (mut backward, mut before) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "d": run, "last": 3, "before": before });
        let page = world.data(query, variables).await["deliveries"].take();
        backward.splice(0..0, names(&page));
        before = page["pageInfo"]["startCursor"].clone();
        if page["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
    }

    let expected = ["bob", "r000", "r001", "r002", "r003", "r004", "r005"];
    assert_eq!(
        (forward.as_slice(), backward.as_slice()),
        (&expected.map(String::from)[..], &expected.map(String::from)[..])
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_orders_narrow_down() {
    let world = World::peopled(3).await;
    world.publish("v1").await;
    for name in ["bob", "r001"] {
        let id = world.delivery("v1", name).await;
        world.given_up(id, name).await;
    }
    let query = "query { deliveries(filter: { outcome: dead_lettered, channel: webhook }, order: ascending) {
        totalCount edges { node { recipient state reason faultClass faultCode } } }
        open: deliveries(filter: { open: true }) { totalCount }
        reports { totalCount edges { node { id title owner deadlineS } } }
        subscriptions(filter: { state: paused }) { edges { node { id reason recipientNode { id kind } } } } }";

    let told = world.data(query, json!({})).await;

    let lost = |name: &str| {
        json!({ "node": { "recipient": name, "state": "closed", "reason": "not_retryable",
                          "faultClass": "transient", "faultCode": "http.503" } })
    };
    assert_eq!(
        told["deliveries"],
        json!({ "totalCount": 2, "edges": [lost("bob"), lost("r001")] })
    );
    assert_eq!(told["open"]["totalCount"], 2);
    assert_eq!(told["reports"]["totalCount"], 1);
    assert_eq!(told["reports"]["edges"][0]["node"]["id"], "risk");
    let dave = json!({ "id": "dave-risk", "reason": "away", "recipientNode": { "id": "dave", "kind": "person" } });
    assert_eq!(told["subscriptions"]["edges"], json!([{ "node": dave }]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_say_why_somebody_got_it_and_somebody_did_not() {
    let world = World::peopled(1).await;
    let run = world.publish("v1").await;
    let query = "query($f: DecisionFilter!) { decisions(filter: $f) { totalCount edges { node {
        planned reason recipient subscription subscriptionVersion grant channel slice readAt
        deliveryNode { state } } } } }";

    let told = world.data(query, json!({ "f": { "distribution": run } })).await;

    assert_eq!(told["decisions"]["totalCount"], 4);
    let edges = told["decisions"]["edges"].as_array().unwrap();
    let mut pairs: Vec<(String, Value)> = edges
        .iter()
        .map(|edge| {
            let node = &edge["node"];
            assert_eq!(
                node["readAt"], edges[0]["node"]["readAt"],
                "one slice, one position read at"
            );
            assert!(node["readAt"].is_i64(), "{node}");
            assert_eq!(node["deliveryNode"].is_null(), node["planned"] == false, "{node}");
            (node["recipient"].as_str().unwrap().to_owned(), node["reason"].clone())
        })
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("bob", json!(null)),
        ("carol", json!("not_entitled")),
        ("dave", json!("paused")),
        ("r000", json!(null)),
    ];
    assert_eq!(pairs, expected.map(|(name, reason)| (name.to_owned(), reason)));

    let filter = json!({ "f": { "report": "risk", "version": "v1", "recipient": "dave" } });
    let dave = world.data(query, filter).await["decisions"].take();
    assert_eq!(dave["totalCount"], 1);
    assert_eq!(dave["edges"][0]["node"]["subscriptionVersion"], 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_of_a_distribution_close() {
    let world = World::peopled(2).await;
    let run = world.publish("v1").await;
    let bob = world.delivery("v1", "bob").await;
    world.retried_to_the_end(bob, "bob").await;
    let query = "query($id: ID!) { distribution(id: $id) { considered planned notPlanned
        notPlannedByReason { reason count } attributes
        outcomes { scheduled open attempts delivered deadLettered } resends { scheduled }
        channels { channel resends sums { scheduled } } reportNode { title } } }";

    let told = world.data(query, json!({ "id": run })).await;

    let expected = json!({
        "considered": 5, "planned": 3, "notPlanned": 2,
        "notPlannedByReason": [{ "reason": "not_entitled", "count": 1 }, { "reason": "paused", "count": 1 }],
        "attributes": { "region": "eu" },
        "outcomes": { "scheduled": 3, "open": 2, "attempts": 2, "delivered": 1, "deadLettered": 0 },
        "resends": { "scheduled": 0 },
        "channels": [{ "channel": "webhook", "resends": false, "sums": { "scheduled": 3 } }],
        "reportNode": { "title": "Risk" }
    });
    assert_eq!(told["distribution"], expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channel_health_counts_ended_attempts_by_result() {
    let world = World::peopled(0).await;
    world.publish("v1").await;
    let bob = world.delivery("v1", "bob").await;
    world.retried_to_the_end(bob, "bob").await;
    let query = "query($f: ChannelHealthFilter!) { channelHealth(filter: $f) {
        channel result attempts minutes answered { withinMs count } } }";
    let filter =
        json!({ "f": { "from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z" } });
    assert_eq!(world.data(query, filter).await["channelHealth"], json!([]));

    let now =
        world.data("{ deliveries { edges { node { scheduledAt closedAt } } } }", json!({})).await;
    let from =
        now["deliveries"]["edges"][0]["node"]["scheduledAt"].as_str().unwrap()[..11].to_owned();
    let (from, until) = (format!("{from}00:00:00Z"), format!("{from}23:59:59.999999Z"));
    let range = json!({ "f": { "from": from, "until": until, "everyMinutes": 1440 } });
    let told = world.data(query, range).await;

    let rows = told["channelHealth"].as_array().unwrap();
    let results: Vec<(&str, i64)> = rows
        .iter()
        .map(|row| (row["result"].as_str().unwrap(), row["attempts"].as_i64().unwrap()))
        .collect();
    assert_eq!(results, [("succeeded", 1), ("transient", 1)]);
    assert_eq!(rows[0]["answered"][1], json!({ "withinMs": 50, "count": 1 }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_the_position_it_was_read_at() {
    let world = World::peopled(0).await;
    let head = world.head().await;
    let (_, body) = world
        .ask(&world.reader, "{ tenant { id title } viewer { tenant scopes } }", json!({}))
        .await;
    assert!(body["extensions"]["position"].as_i64().unwrap() >= head.0, "{body}");
    assert_eq!(body["data"]["viewer"], json!({ "tenant": "acme", "scopes": ["read"] }));

    let ahead = head.0 + 1_000_000;
    let query = format!("{{ tenant(atLeastPosition: {ahead}) {{ id }} }}");
    assert_eq!(world.codes(&world.reader, &query, json!({})).await, ["BAD_INPUT"]);
    let told = world
        .data("{ logStatus { head readAt followers { name lag isRunning } } }", json!({}))
        .await;
    let names: Vec<&str> = told["logStatus"]["followers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|follower| follower["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "deliveries",
            "distributions",
            "groups",
            "inbox",
            "recipients",
            "reports",
            "subscriptions",
            "tenants"
        ]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_null_and_what_is_no_id_is_named() {
    let world = World::empty().await;
    let id = "018f0000-0000-8000-8000-000000000000";
    let query = "query($id: ID!) { delivery(id: $id) { id } distribution(id: $id) { id } report(name: \"x\") { id } }";
    let told = world.data(query, json!({ "id": id })).await;
    assert_eq!(told, json!({ "delivery": null, "distribution": null, "report": null }));
    let (_, body) = world.ask(&world.reader, "{ delivery(id: \"x\") { id } }", json!({})).await;
    assert_eq!(
        body["errors"][0]["extensions"],
        json!({ "code": "BAD_INPUT", "field": "delivery" })
    );
    let sorted = "{ deliveries(sort: closed_at) { totalCount } }";
    assert_eq!(world.codes(&world.reader, sorted, json!({})).await, ["BAD_INPUT"]);
    let both = "{ deliveries(first: 1, last: 1) { totalCount } }";
    assert_eq!(world.codes(&world.reader, both, json!({})).await, ["BAD_INPUT"]);
    world.end().await;
}
