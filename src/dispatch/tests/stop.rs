//! A node that stops, and one that takes over what intake started.

use std::time::{Duration, Instant};

use aggregates::delivery::{Command, Outcome, Rules};
use aggregates::{fold, run};
use dispatch::{DispatchConfig, Dispatcher, Start};
use schema::events::{AttemptOutcome, DeliveryEvent};
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

/// A delivery as intake hands it over: recorded as started, under a permit of the dispatcher's.
async fn started(world: &World, dispatcher: &Dispatcher, leased_at: Instant) -> Start {
    let plan = world.plan("bob", ChannelKind::Webhook);
    let permit = dispatcher.try_permit(&tenant(), plan.channel, &plan.destination).unwrap();
    let delivery = world.schedule_plan(plan).await;
    let mut row = world.store.ledger.queue_row(delivery).await.unwrap().unwrap();
    let mut state = fold::<Rules>(&world.events(delivery).await);
    let start = Command::StartAttempt { node: "node-1".into(), address_revision: 1, now: now() };
    let events = run::<Rules>(&mut state, start).unwrap().into_iter().map(Into::into).collect();
    (row.sequence, row.state) = (2, String::new());
    let authorised = world.index.read().unwrap().authorise(&tenant(), state.plan().unwrap(), now());
    let mut unit = Unit::new(metadata());
    unit.appends.push(Append { stream: StreamId::delivery(delivery), expected: 1, events });
    unit.queue.push(QueueChange::Put(row, Due::Leased { lease_ms: dispatcher.lease_ms() }));
    world.store.ledger.append(unit).await.unwrap();
    let (traceparent, tenant) = (Some(TRACEPARENT.to_owned()), tenant());
    let authorised = authorised.unwrap();
    Start { delivery, tenant, sequence: 2, state, traceparent, permit, leased_at, authorised }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_intake_started_is_sent_without_a_claim() {
    let world = World::open().await;
    world.webhook("bob").await;
    // It claims nothing: it does not run.
    let dispatcher = world.dispatcher("node-1", DispatchConfig::default());
    let start = started(&world, &dispatcher, Instant::now()).await;
    let delivery = start.delivery;

    dispatcher.launch(vec![start]);

    assert_eq!(world.until_closed(delivery).await.0, Outcome::Delivered);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    dispatcher.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_lease_is_nearly_over_is_not_sent() {
    let world = World::open().await;
    world.webhook("bob").await;
    let dispatcher = world.dispatcher("node-1", DispatchConfig::default());
    let long_ago = Instant::now() - Duration::from_millis(dispatcher.lease_ms());
    let start = started(&world, &dispatcher, long_ago).await;
    let delivery = start.delivery;

    dispatcher.launch(vec![start]);

    let events = world.until(delivery, "end", |events| events.len() == 3).await;
    let DeliveryEvent::AttemptEnded { sent_at, outcome, .. } = &events[2] else {
        panic!("{events:#?}")
    };
    let AttemptOutcome::Failed { fault, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((*sent_at, fault.code.as_str()), (None, "dispatch.lease_too_short"));
    assert!(world.sink.received(&path("bob")).is_empty());
    dispatcher.shutdown().await;
    world.check_queue(delivery).await;
}
