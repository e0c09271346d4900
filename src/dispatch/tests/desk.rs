//! What a person does about one delivery.

use std::sync::Arc;

use aggregates::delivery::{Delivery, Outcome, Refusal};
use dispatch::{Act, DeliveryDesk, DeskError};
use schema::events::{CancelReason, DeliveryEvent, Evidence, Resolution};
use schema::{ChannelKind, DeliveryId, Metadata, Position, Sha256, StreamId, TenantId};
use store::{AppendError, CommandOutcome, CommandRecord, Precondition, Stale};

use crate::world::{World, metadata, names, now, path, tenant};

fn desk(world: &World) -> DeliveryDesk {
    DeliveryDesk::new(Arc::clone(&world.store.ledger), Arc::clone(&world.index), 10_000)
}

fn act() -> Act {
    Act { metadata: metadata(), command: None, precondition: Precondition::Any }
}

fn record(outcome: &str) -> CommandRecord {
    CommandRecord {
        id: "key-1/once".to_owned(),
        body_sha256: Sha256::of(b"body"),
        outcome: outcome.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_called_off_is_never_sent() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let command = Some(record("\"cancelled\""));
    let act = Act { command, ..act() };

    let done = desk(&world).cancel(delivery, "wrong file".to_owned(), act.clone()).await.unwrap();

    assert_eq!(done.state.outcome(), Some(Outcome::Cancelled));
    let reason = CancelReason::Requested { reason: "wrong file".to_owned() };
    let (_, events) = world.until_closed(delivery).await;
    assert_eq!(events[1..], [DeliveryEvent::DeliveryCancelled { reason }]);
    let again = desk(&world).cancel(delivery, "wrong file".to_owned(), act).await;
    assert!(matches!(&again, Err(DeskError::Append(AppendError::CommandSeen { .. }))), "{again:?}");
    let seen = world.store.ledger.command(&tenant(), "key-1/once", &Sha256::of(b"body")).await;
    let outcome = "\"cancelled\"".to_owned();
    assert_eq!(seen.unwrap(), Some(CommandOutcome::Seen { outcome }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_meant_for_a_state_that_is_past_is_refused_on_the_state_it_is_decided_on() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let stream = StreamId::delivery(delivery);
    let now = world.store.ledger.load_stream(&stream, 0).await.unwrap()[0].position;
    let at = |position| Act { precondition: Precondition::LastAt(vec![position]), ..act() };

    let past = Position(now.0 - 1);
    let refused = desk(&world).cancel(delivery, "x".to_owned(), at(past)).await;
    assert!(matches!(refused, Err(DeskError::Stale(Stale { now: told })) if told == now));
    let found = (1, Resolution::Arrived);
    let refused = desk(&world).resolve(delivery, found.0, found.1, "x".to_owned(), at(past)).await;
    assert!(matches!(refused, Err(DeskError::Stale(_))), "{refused:?}");
    let past = Precondition::LastAt(vec![past]);
    let refused = desk(&world).resend(delivery, metadata(), past, |_| None).await;
    assert!(matches!(refused, Err(DeskError::Stale(_))), "{refused:?}");
    assert_eq!(names(&world.events(delivery).await), ["DeliveryScheduled"]);

    let done = desk(&world).cancel(delivery, "x".to_owned(), at(now)).await.unwrap();
    assert_eq!(done.state.outcome(), Some(Outcome::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_delivery_does_not_exist() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let stranger = TenantId::try_new("other").unwrap();
    let metadata = Metadata { tenant: stranger, ..metadata() };
    let act = Act { metadata, ..act() };
    let refused = desk(&world).cancel(delivery, "mine now".to_owned(), act).await;
    assert!(matches!(refused, Err(DeskError::NotFound { .. })), "{refused:?}");
    assert_eq!(names(&world.events(delivery).await), ["DeliveryScheduled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_delivery_is_not_sent_once_more() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let refused = desk(&world).resend(delivery, metadata(), Precondition::Any, |_| None).await;
    assert!(matches!(refused, Err(DeskError::Refused(Refusal::NotClosed))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_delivery_is_sent_once_more_as_one_of_its_own() {
    let world = World::open().await;
    world.webhook("bob").await;
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.until_closed(delivery).await;

    let command = |id: DeliveryId| Some(record(&format!("\"{id}\"")));
    let resent =
        desk(&world).resend(delivery, metadata(), Precondition::Any, command).await.unwrap();

    assert_eq!(resent.resend, 1);
    assert_eq!(world.until_closed(resent.delivery).await.0, Outcome::Delivered);
    let events = world.events(resent.delivery).await;
    let DeliveryEvent::DeliveryScheduled(plan) = &events[0] else { panic!("{events:#?}") };
    assert_eq!((plan.resend_of, plan.resend), (Some(delivery), 1));
    let evidence = Evidence::Resent { delivery: resent.delivery, resend: 1 };
    let known = world.events(delivery).await;
    assert_eq!(known.last(), Some(&DeliveryEvent::EvidenceRecorded { evidence }));
    let received = world.sink.received(&path("bob"));
    assert_eq!(received.len(), 2);
    assert_ne!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
    let seen = world.store.ledger.command(&tenant(), "key-1/once", &Sha256::of(b"body")).await;
    let outcome = format!("\"{}\"", resent.delivery);
    assert_eq!(seen.unwrap(), Some(CommandOutcome::Seen { outcome }));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_settles_what_is_held() {
    let world = World::open().await;
    world.mailbox("ann").await;
    world.relay.hang_up(2);
    let running = world.run("node-1");
    let delivery = world.schedule_plan(world.plan("ann", ChannelKind::Mail)).await;
    let is_held = |events: &[DeliveryEvent]| {
        names(events).iter().filter(|n| **n == "AttemptEnded").count() == 2
    };
    world.until(delivery, "hold", is_held).await;

    let note = "the recipient has it".to_owned();
    let settled =
        desk(&world).resolve(delivery, 2, Resolution::Arrived, note, act()).await.unwrap();

    assert!(matches!(settled.state, Delivery::Closed(_)), "{:?}", settled.state);
    assert_eq!(world.until_closed(delivery).await.0, Outcome::Accepted);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_expires_at_its_deadline_and_not_before() {
    let world = World::open().await;
    world.webhook("bob").await;
    let early = world.schedule("bob").await;
    let refused = desk(&world).expire(early, act()).await;
    assert!(
        matches!(refused, Err(DeskError::Refused(Refusal::DeadlineNotReached { .. }))),
        "{refused:?}"
    );
    let mut plan = world.plan("bob", ChannelKind::Webhook);
    (plan.deadline, plan.resend) = (now(), 1);
    let late = world.schedule_plan(plan).await;
    let done = desk(&world).expire(late, act()).await.unwrap();
    assert_eq!(done.state.outcome(), Some(Outcome::Expired));
    assert_eq!(world.until_closed(late).await.0, Outcome::Expired);
}
