//! Nothing is missing, nothing comes twice, and whoever falls behind is told so.

use schema::events::{ReportEvent, ReportProfile};
use schema::{ReportName, StreamId, TenantId};
use serde_json::json;

use super::super::world::{World, ended, receipt, started};
use super::socket::{Client, served};
use crate::support::ACME;

async fn write(world: &World, n: usize, title: String) {
    let tenant = TenantId::try_new(ACME).unwrap();
    let stream = StreamId::report(&tenant, &ReportName::try_new(format!("report-{n}")).unwrap());
    let profile = ReportProfile {
        title,
        owner: "desk".to_owned(),
        deadline_s: 60,
        columns: vec![],
        self_service: false,
    };
    world.api.append(ACME, stream, vec![ReportEvent::ReportRegistered(profile).into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_from_a_position_and_go_on_live_without_gap_or_repetition() {
    let world = World::empty().await;
    let url = served(&world).await;
    let start = world.head().await;
    for n in 0..40 {
        write(&world, n, "before".to_owned()).await;
    }
    let mut client = Client::connect(&url, &world.api.key).await;
    let query =
        "subscription($after: Position!) { events(after: $after, types: [\"ReportRegistered\"]) {
        position type aggregateId payload actor } }";
    client.subscribe("all", query, json!({ "after": start.0 })).await;
    for n in 40..80 {
        write(&world, n, "meanwhile".to_owned()).await;
    }

    let mut seen = Vec::new();
    let mut last = 0;
    for n in 0..80 {
        let event = client.data("all").await["events"].take();
        let position = event["position"].as_i64().unwrap();
        assert!(position > last, "{position} came after {last}");
        last = position;
        assert_eq!(event["actor"], "cli:test");
        let title = if n < 40 { "before" } else { "meanwhile" };
        assert!(event["payload"].as_str().unwrap().contains(title), "{event}");
        seen.push(event["aggregateId"].as_str().unwrap().to_owned());
    }
    let expected: Vec<String> = (0..80).map(|n| format!("acme/report-{n}")).collect();
    assert_eq!(seen, expected);

    client.say(json!({ "id": "all", "type": "complete" })).await;
    client.subscribe("ahead", query, json!({ "after": last + 1_000_000 })).await;
    assert_eq!(client.error("ahead").await.0, "BAD_INPUT");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_followed_to_its_end_and_others_are_not_heard() {
    let world = World::peopled(1).await;
    let run = world.publish("v1").await;
    let (bob, other) = (world.delivery("v1", "bob").await, world.delivery("v1", "r000").await);
    let url = served(&world).await;
    let mut client = Client::connect(&url, &world.reader).await;
    let one = "subscription($id: ID!, $after: Position) { deliveryChanged(id: $id, after: $after) {
        position entry { type attempt summary } delivery { recipient state outcome } } }";
    let all = "subscription($run: ID!) { deliveryChanged(distribution: $run, after: 0) {
        entry { type } delivery { recipient } } }";
    client.subscribe("one", one, json!({ "id": bob.to_string(), "after": 0 })).await;
    let planned = client.data("one").await["deliveryChanged"].take();
    assert_eq!(planned["entry"]["type"], "DeliveryScheduled");

    world.record(other, vec![started(1)]).await;
    let done = schema::events::AttemptOutcome::Succeeded { receipt: receipt() };
    world.record(bob, vec![started(1), ended(1, done)]).await;

    let began = client.data("one").await["deliveryChanged"].take();
    assert_eq!(
        (&began["entry"]["type"], &began["entry"]["attempt"]),
        (&json!("AttemptStarted"), &json!(1))
    );
    let end = client.data("one").await["deliveryChanged"].take();
    let closed = json!({ "recipient": "bob", "state": "closed", "outcome": "delivered" });
    assert_eq!((&end["entry"]["type"], &end["delivery"]), (&json!("AttemptEnded"), &closed));
    client.say(json!({ "id": "one", "type": "complete" })).await;

    client.subscribe("all", all, json!({ "run": run })).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        let change = client.data("all").await["deliveryChanged"].take();
        let recipient = change["delivery"]["recipient"].as_str().unwrap().to_owned();
        heard.push((recipient, change["entry"]["type"].as_str().unwrap().to_owned()));
    }
    heard.sort();
    let expected = [
        ("bob", "AttemptEnded"),
        ("bob", "AttemptStarted"),
        ("bob", "DeliveryScheduled"),
        ("r000", "AttemptStarted"),
        ("r000", "DeliveryScheduled"),
    ];
    assert_eq!(heard, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_until_the_run_is_reconciled() {
    let world = World::peopled(0).await;
    let run = world.publish("v1").await;
    let bob = world.delivery("v1", "bob").await;
    let url = served(&world).await;
    let mut client = Client::connect(&url, &world.reader).await;
    let query = "subscription($id: ID!) { distributionProgress(id: $id) { position distribution {
        planned reconciledAt outcomes { open delivered } } } }";
    client.subscribe("p", query, json!({ "id": run })).await;
    let first = client.data("p").await["distributionProgress"].take();
    assert_eq!(first["distribution"]["outcomes"], json!({ "open": 1, "delivered": 0 }));

    let done = schema::events::AttemptOutcome::Succeeded { receipt: receipt() };
    world.record(bob, vec![started(1), ended(1, done)]).await;
    let mut told = client.data("p").await["distributionProgress"].take();
    while told["distribution"]["outcomes"]["delivered"] == 0 {
        told = client.data("p").await["distributionProgress"].take();
    }
    assert_eq!(told["distribution"]["outcomes"], json!({ "open": 0, "delivered": 1 }));
    assert!(told["distribution"]["reconciledAt"].is_null());

    let sums = schema::events::SliceSums { considered: 3, planned: 1, ..Default::default() };
    let outcomes = schema::events::OutcomeCounts { delivered: 1, ..Default::default() };
    let reconciled = schema::events::DistributionEvent::DistributionReconciled { sums, outcomes };
    let stream = StreamId::distribution(run.parse().unwrap());
    world.api.append(ACME, stream, vec![reconciled.into()]).await;
    while told["distribution"]["reconciledAt"].is_null() {
        told = client.data("p").await["distributionProgress"].take();
    }
    assert_eq!(client.hear().await, Ok(json!({ "id": "p", "type": "complete" })));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_too_slowly_is_told_the_last_position_it_was_given_and_can_resume() {
    const EVENTS: usize = 500;
    let world = World::empty().await;
    let url = served(&world).await;
    let mut client = Client::narrow(&url, &world.api.key).await;
    let query =
        "subscription($after: Position) { events(after: $after) { position aggregateId payload } }";
    client.subscribe("slow", query, json!({})).await;
    // The subscription is there once its first event has come.
    let mut begun = 0;
    loop {
        write(&world, begun, "small".to_owned()).await;
        begun += 1;
        let said = tokio::time::timeout(std::time::Duration::from_millis(200), client.hear()).await;
        if said.is_ok() {
            break;
        }
    }
    // More batches than sockets and the tail hold, while nobody reads.
    let mut head = world.api.state.tail.head();
    for n in 0..EVENTS {
        write(&world, begun + n, "x".repeat(40_000)).await;
        let written = world.head().await;
        head.wait_for(|head| *head >= written).await.unwrap();
    }

    let mut last = None;
    let (code, position) = loop {
        let said = client.hear().await.unwrap();
        if said["type"] == "error" {
            let told = said["payload"][0]["extensions"].clone();
            break (told["code"].clone(), told["position"].as_i64());
        }
        last = said["payload"]["data"]["events"]["position"].as_i64();
    };
    assert_eq!((code, position), (json!("SLOW_CONSUMER"), last));

    client.subscribe("again", query, json!({ "after": position })).await;
    let mut name = String::new();
    while name != format!("acme/report-{}", begun + EVENTS - 1) {
        let event = client.data("again").await["events"].take();
        assert!(event["position"].as_i64() > last, "{} came twice", event["position"]);
        last = event["position"].as_i64();
        event["aggregateId"].as_str().unwrap().clone_into(&mut name);
    }
    world.end().await;
}
