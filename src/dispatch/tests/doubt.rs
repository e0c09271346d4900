//! Sends of which nobody knows whether they arrived.

use std::sync::Arc;
use std::time::Duration;

use aggregates::delivery::Outcome;
use dispatch::DispatchConfig;
use schema::ChannelKind;
use schema::events::{AttemptOutcome, DeliveryEvent, NextStep};
use tokio_util::sync::CancellationToken;

use crate::sink::Answer;
use crate::world::{TRACEPARENT, World, names, path};

fn in_doubt(event: &DeliveryEvent) -> Option<(&str, &NextStep)> {
    match event {
        DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::InDoubt { code, next }, .. } => {
            Some((code, next))
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_in_doubt_is_sent_again_under_the_same_id() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::HangUp]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let (_, next) = in_doubt(&events[2]).unwrap();
    assert!(matches!(next, NextStep::RetryAt { .. }), "{next:?}");
    let received = world.sink.received(&path("bob"));
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_in_doubt_is_sent_once_more_under_the_same_id_then_held() {
    let world = World::open().await;
    world.mailbox("ann").await;
    world.relay.hang_up(5);
    let running = world.run("node-1");
    let delivery = world.schedule_plan(world.plan("ann", ChannelKind::Mail)).await;

    let is_held = |events: &[DeliveryEvent]| {
        events.iter().filter_map(in_doubt).any(|(_, next)| *next == NextStep::Held)
    };
    let events = world.until(delivery, "hold", is_held).await;

    assert_eq!(events.iter().filter_map(in_doubt).count(), 2);
    world.check_queue(delivery).await;
    assert_eq!(world.store.ledger.queue_row(delivery).await.unwrap().unwrap().lane, 2);
    let id = |mail: &String| {
        mail.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
    };
    let mails = world.relay.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(id(&mails[0]), id(&mails[1]));
    assert_eq!(mails[0], mails[1], "the same delivery is the same bytes");
    assert!(mails[0].contains(TRACEPARENT), "{}", mails[0]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_may_have_arrived_is_held_past_its_deadline_not_given_up() {
    let world = World::open().await;
    world.mailbox("ann").await;
    world.webhook("bob").await;
    world.relay.hang_up(1);
    let mut plan = world.plan("ann", ChannelKind::Mail);
    // Long enough to refuse in between.
    plan.retry.base_ms = 500;
    plan.retry.cap_ms = 500;
    let running = world.run("node-1");
    let delivery = world.schedule_plan(plan).await;
    world.until(delivery, "doubt", |events| events.iter().any(|e| in_doubt(e).is_some())).await;
    world.relay.refuse();

    let events = world.until(delivery, "second end", |events| events.len() == 5).await;

    let DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::Failed { fault, next }, .. } =
        &events[4]
    else {
        panic!("{events:#?}")
    };
    assert_eq!((fault.code.as_str(), next), ("smtp.5.1.1", &NextStep::Held));
    assert_eq!(world.store.ledger.held_past_deadline().await.unwrap(), 0);
    // As if its deadline had come; another delivery shows that the node has looked around since.
    world.end_leases().await;
    let other = world.schedule("bob").await;
    assert_eq!(world.until_closed(other).await.0, Outcome::Delivered);
    assert_eq!(world.events(delivery).await.len(), 5);
    assert_eq!(world.store.ledger.held_past_deadline().await.unwrap(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_closes_what_was_thought_lost() {
    let world = World::open().await;
    world.webhook("bob").await;
    let answers = [Answer::WaitForGate, Answer::RetryAfter(503, 1)];
    world.sink.script(&path("bob"), answers);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.sink.until_received(&path("bob"), 1).await;
    // As if its node had stood still for longer than the lease.
    world.end_leases().await;
    world.until(delivery, "second failure", |events| events.len() == 5).await;
    world.sink.open_gate();

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(in_doubt(&events[2]).unwrap().0, "lease_ended");
    let DeliveryEvent::AttemptEnded { attempt, outcome, .. } = &events[5] else {
        panic!("{events:#?}")
    };
    assert!(matches!(outcome, AttemptOutcome::Succeeded { .. }), "{outcome:?}");
    assert_eq!((*attempt, events.len()), (1, 6));
    assert_eq!(world.sink.received(&path("bob")).len(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_waits_for_a_ledger_that_is_away() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::WaitForGate]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.sink.until_received(&path("bob"), 1).await;
    let away = world.take_ledger_away().await;
    world.sink.open_gate();
    running.until_unrecorded().await;
    world.give_ledger_back(away).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"]);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_waits_for_a_ledger_that_has_become_read_only() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::WaitForGate]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.sink.until_received(&path("bob"), 1).await;
    // As after a failover to a server that does not take writes yet: SQLSTATE 25006.
    world.read_only(true).await;
    world.sink.open_gate();
    running.until_unrecorded().await;
    world.read_only(false).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"]);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn what_a_dead_node_had_under_way_is_in_doubt_and_another_node_goes_on() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::WaitForGate]);
    // A node with a runtime of its own, so that it can die with all its sends.
    let dispatcher = world.dispatcher("dead", DispatchConfig::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.spawn(Arc::clone(&dispatcher).run(CancellationToken::new()));
    let delivery = world.schedule("bob").await;
    world.sink.until_received(&path("bob"), 1).await;
    let dies = move || runtime.shutdown_timeout(Duration::from_secs(10));
    tokio::task::spawn_blocking(dies).await.unwrap();
    world.end_leases().await;

    let running = world.run("alive");
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    let expected =
        ["DeliveryScheduled", "AttemptStarted", "AttemptEnded", "AttemptStarted", "AttemptEnded"];
    assert_eq!(names(&events), expected);
    assert_eq!(in_doubt(&events[2]).unwrap().0, "lease_ended");
    let DeliveryEvent::AttemptStarted { node, .. } = &events[3] else { panic!("{events:#?}") };
    assert_eq!(node, "alive");
    running.stop().await;
}
