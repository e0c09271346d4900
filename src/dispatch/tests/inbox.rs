//! What goes to an inbox: the same way as all else, but to no address.

use std::sync::Arc;

use aggregates::delivery::{Outcome, Refusal};
use dispatch::{Act, DeliveryDesk, DeskError};
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, EntryMark, RecipientEvent, SuppressReason,
};
use schema::{AddressId, ChannelKind, DestinationKey, Proof, RecipientId, Sha256, StreamId};
use store::Precondition;

use crate::world::{CSV, World, metadata, names, tenant};

fn plan(world: &World, recipient: &str) -> DeliveryPlan {
    DeliveryPlan {
        address: AddressId::of_inbox(),
        destination: DestinationKey::of_inbox(),
        ..world.plan(recipient, ChannelKind::Inbox)
    }
}

fn act() -> Act {
    Act { metadata: metadata(), command: None, precondition: Precondition::Any }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_an_inbox_is_delivered_without_an_address_and_with_the_digest_of_what_it_shows()
{
    let world = World::open().await;
    world.inbox("bob").await;
    let running = world.run("node-1");
    let delivery = world.schedule_plan(plan(&world, "bob")).await;

    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(names(&events), ["DeliveryScheduled", "AttemptStarted", "AttemptEnded"]);
    let DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::Succeeded { receipt }, .. } =
        &events[2]
    else {
        panic!("{:?}", events[2])
    };
    let shown = serde_json::json!({
        "attachments": [{ "format": "csv", "name": "risk.csv", "sha256": Sha256::of(CSV) }],
        "report": "risk", "severity": "info", "title": "Market risk", "version": "2026-11-23"
    })
    .to_string();
    assert_eq!((receipt.proof, receipt.status, &receipt.reply), (Proof::Delivered, 0, &None));
    assert_eq!(receipt.content_sha256, Sha256::of(shown.as_bytes()));
    assert_eq!(receipt.content_bytes, shown.len() as u64);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_retired_gets_nothing_more_in_its_inbox() {
    let world = World::open().await;
    world.inbox("bob").await;
    let stream = StreamId::recipient(&tenant(), &RecipientId::try_new("bob").unwrap());
    let retired = RecipientEvent::RecipientRetired { reason: "left".to_owned() };
    world.append(stream, 2, vec![retired.into()]).await;
    let running = world.run("node-1");
    let delivery = world.schedule_plan(plan(&world, "bob")).await;
    let (outcome, events) = world.until_closed(delivery).await;
    assert_eq!(outcome, Outcome::Suppressed);
    let reason = SuppressReason::RecipientRetired;
    assert_eq!(events.last(), Some(&DeliveryEvent::DeliverySuppressed { reason }));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_marked_at_the_desk_by_its_own_recipient_and_sent_again() {
    let world = World::open().await;
    world.inbox("bob").await;
    let running = world.run("node-1");
    let delivery = world.schedule_plan(plan(&world, "bob")).await;
    let desk = DeliveryDesk::new(Arc::clone(&world.store.ledger), Arc::clone(&world.index), 1_000);
    world.until_closed(delivery).await;
    let [ada, bob] = ["ada", "bob"].map(|name| RecipientId::try_new(name).unwrap());

    let other = desk.mark(delivery, EntryMark::Read, Some(&ada), act()).await;
    assert!(matches!(other, Err(DeskError::NotFound { .. })), "{other:?}");
    let first = desk.mark(delivery, EntryMark::Read, Some(&bob), act()).await.unwrap();
    assert!(first.position.is_some());
    let again = desk.mark(delivery, EntryMark::Read, None, act()).await.unwrap();
    assert_eq!(again.position, None);

    let resent = desk.resend(delivery, metadata(), Precondition::Any, |_| None).await.unwrap();
    let (outcome, events) = world.until_closed(resent.delivery).await;
    assert_eq!(outcome, Outcome::Delivered);
    let DeliveryEvent::DeliveryScheduled(plan) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!(
        (&plan.address, &plan.destination),
        (&AddressId::of_inbox(), &DestinationKey::of_inbox())
    );
    world.webhook("carl").await;
    let hook = world.schedule("carl").await;
    world.until_closed(hook).await;
    let refused = desk.mark(hook, EntryMark::Read, None, act()).await;
    let Err(DeskError::Refused(refusal)) = refused else { panic!("a webhook was marked") };
    assert_eq!(refusal, Refusal::NotInInbox { channel: ChannelKind::Webhook });
    running.stop().await;
}
