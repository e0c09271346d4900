//! A node that stops, and one that takes over what intake started.

use std::time::Instant;

use aggregates::delivery::{Command, Outcome, Rules};
use aggregates::{fold, run};
use dispatch::Start;
use schema::{ChannelKind, StreamId};
use store::{Append, Due, QueueChange, Unit};

use crate::sink::Answer;
use crate::world::{TRACEPARENT, World, metadata, names, now, path, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_leaves_nothing_in_doubt() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), std::iter::repeat_n(Answer::WaitForGate, 10));
    let mut deliveries = Vec::new();
    for resend in 0..10 {
        let mut plan = world.plan("bob", ChannelKind::Webhook);
        plan.resend = resend;
        deliveries.push(world.schedule_plan(plan).await);
    }
    let running = world.run("node-1");
    world.sink.until_received(&path("bob"), 10).await;
    let dispatcher = running.dispatcher.clone();
    let stopping = tokio::spawn(running.stop());
    world.sink.open_gate();
    stopping.await.unwrap();

    for delivery in deliveries {
        let events = world.events(delivery).await;
        assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"]);
        assert_eq!(fold::<Rules>(&events).outcome(), Some(Outcome::Delivered));
        world.check_queue(delivery).await;
    }
    let plan = world.plan("bob", ChannelKind::Webhook);
    assert!(dispatcher.try_permit(&tenant(), plan.channel, &plan.destination).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_intake_started_is_sent_without_a_claim() {
    let world = World::open().await;
    world.webhook("bob").await;
    // It claims nothing: it does not run.
    let dispatcher = world.dispatcher("node-1", dispatch::DispatchConfig::default());
    let plan = world.plan("bob", ChannelKind::Webhook);
    let permit = dispatcher.try_permit(&tenant(), plan.channel, &plan.destination).unwrap();
    let delivery = world.schedule_plan(plan).await;
    let mut row = world.store.ledger.queue_row(delivery).await.unwrap().unwrap();
    let mut state = fold::<Rules>(&world.events(delivery).await);
    let start = Command::StartAttempt { node: "node-1".into(), address_revision: 1, now: now() };
    let events = run::<Rules>(&mut state, start).unwrap().into_iter().map(Into::into).collect();
    (row.sequence, row.state) = (2, serde_json::to_string(&state).unwrap());
    let leased_at = Instant::now();
    let mut unit = Unit::new(metadata());
    unit.appends.push(Append { stream: StreamId::delivery(delivery), expected: 1, events });
    unit.queue.push(QueueChange::Put(row, Due::Leased { lease_ms: dispatcher.lease_ms() }));
    world.store.ledger.append(unit).await.unwrap();
    let traceparent = Some(TRACEPARENT.to_owned());
    let tenant = tenant();
    dispatcher.launch(vec![Start {
        delivery,
        tenant,
        sequence: 2,
        state,
        traceparent,
        permit,
        leased_at,
    }]);

    assert_eq!(world.until_closed(delivery).await.0, Outcome::Delivered);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    dispatcher.shutdown().await;
}
