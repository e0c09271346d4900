//! Several deliveries, destinations and nodes at once.

use std::collections::BTreeMap;

use aggregates::delivery::Outcome;
use schema::events::DeliveryEvent;
use schema::{ChannelKind, DeliveryId};

use crate::sink::Answer;
use crate::world::{Running, World, path};

/// Deliveries of many versions to one recipient, told apart by their number.
async fn schedule_many(world: &World, recipient: &str, count: u32) -> Vec<DeliveryId> {
    let mut deliveries = Vec::new();
    for resend in 0..count {
        let mut plan = world.plan(recipient, ChannelKind::Webhook);
        plan.resend = resend;
        deliveries.push(world.schedule_plan(plan).await);
    }
    deliveries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sick_destination_does_not_keep_others_waiting() {
    let world = World::open().await;
    world.webhook("sick").await;
    world.webhook("well").await;
    world.sink.script(&path("sick"), std::iter::repeat_n(Answer::WaitForGate, 1_000));
    schedule_many(&world, "sick", 60).await;
    let running = world.run_with("node-1", |config| {
        config.permits = 16;
        config.tenant_permits = 16;
        config.mail_permits = 16;
        config.webhook_permits = 16;
        config.destination_permits = 8;
    });
    world.sink.until_received(&path("sick"), 6).await;

    let well = schedule_many(&world, "well", 30).await;
    for delivery in well {
        assert_eq!(world.until_closed(delivery).await.0, Outcome::Delivered);
    }
    world.sink.open_gate();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_sends_are_under_way_than_there_are_permits() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), std::iter::repeat_n(Answer::WaitForGate, 6));
    let deliveries = schedule_many(&world, "bob", 40).await;
    let running = world.run_with("node-1", |config| config.destination_permits = 8);
    world.sink.until_received(&path("bob"), 6).await;
    world.sink.open_gate();
    for delivery in deliveries {
        assert_eq!(world.until_closed(delivery).await.0, Outcome::Delivered);
    }
    assert_eq!(world.sink.most_under_way(), 6);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_a_distribution_and_send_nothing_twice() {
    let world = World::open().await;
    world.webhook("bob").await;
    let deliveries = schedule_many(&world, "bob", 200).await;
    let few = |config: &mut dispatch::DispatchConfig| config.claim_rows = 5;
    let nodes: [Running; 2] = [world.run_with("a", few), world.run_with("b", few)];

    let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
    for delivery in deliveries {
        let (outcome, events) = world.until_closed(delivery).await;
        assert_eq!((outcome, events.len()), (Outcome::Delivered, 3));
        let DeliveryEvent::AttemptStarted { node, .. } = &events[1] else { panic!("{events:#?}") };
        *attempts.entry(node.clone()).or_default() += 1;
    }
    assert_eq!(world.sink.received(&path("bob")).len(), 200);
    assert!(attempts.values().all(|count| *count >= 60), "{attempts:?}");
    for node in nodes {
        node.stop().await;
    }
}
