//! What waits for its time, and what moves it.

use aggregates::delivery::Outcome;
use schema::events::{DeliveryEvent, DeliveryPlan, SubscriptionBody, SubscriptionEvent};
use schema::{
    ChannelKind, DeliveryId, Planned, Preferences, RecipientId, ReportSelector, Selector, StreamId,
    Timestamp, Timing, TimingRule, Zone,
};

use crate::world::{World, now, path, subscription, tenant};

/// How late a test may be.
const SOON_MS: u64 = 1_500;

fn berlin(due: Timestamp) -> Planned {
    let zone = "Europe/Berlin".parse().unwrap();
    Planned { due, zone, rules: vec![TimingRule::QuietHours] }
}

fn planned(world: &World, due: Timestamp) -> DeliveryPlan {
    let plan = world.plan("bob", ChannelKind::Webhook);
    DeliveryPlan { planned: Some(berlin(due)), ..plan }
}

/// Quiet hours around now that end at the full minute `minutes` from now, and when that is.
fn quiet_for(minutes: i64) -> (Timing, Timestamp) {
    let zone = "Europe/Berlin".parse::<Zone>().unwrap().to_chrono();
    let until = now().to_chrono() + chrono::Duration::minutes(minutes);
    let wall = until.with_timezone(&zone).naive_local().format("%H:%M").to_string();
    let from = (until - chrono::Duration::hours(6)).with_timezone(&zone).format("%H:%M");
    let quiet = format!("{from}-{wall}").parse().unwrap();
    let end = until.timestamp() / 60 * 60;
    let timing = Timing { quiet_hours: Some(quiet), ..Timing::default() };
    (timing, Timestamp::from_unix_micros(end * 1_000_000))
}

async fn change(world: &World, version: u32, timing: Timing) {
    let body = SubscriptionBody {
        recipient: RecipientId::try_new("bob").unwrap(),
        selector: Selector { report: ReportSelector::Every, attributes: Default::default() },
        preferences: Preferences {
            channels: vec![ChannelKind::Webhook],
            formats: vec![],
            deadline_s: None,
            timing,
        },
    };
    let stream = StreamId::subscription(&tenant(), &subscription("bob"));
    let changed = SubscriptionEvent::SubscriptionChanged { version, body };
    world.append(stream, i64::from(version) - 1, vec![changed.into()]).await;
}

async fn moved(world: &World, delivery: DeliveryId) -> Option<Planned> {
    let is_moved =
        |event: &DeliveryEvent| matches!(event, DeliveryEvent::DeliveryRescheduled { .. });
    let events = world.until(delivery, "move", |events| events.iter().any(is_moved)).await;
    events.into_iter().rev().find_map(|event| match event {
        DeliveryEvent::DeliveryRescheduled { planned } => Some(planned),
        _ => None,
    })?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_sent_at_its_time_and_not_before() {
    let world = World::open().await;
    world.webhook("bob").await;
    let due = now().plus_ms(SOON_MS);
    // Planned by a node that knows a later state of the subscription: that time is believed.
    let plan = DeliveryPlan { subscription_version: 2, ..planned(&world, due) };
    let delivery = world.schedule_plan(plan).await;
    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(delivery).await;
    assert_eq!((outcome, events.len()), (Outcome::Delivered, 3));
    assert!(now() >= due);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_preference_moves_what_waits_later_and_at_once() {
    let world = World::open().await;
    world.webhook("bob").await;
    let (timing, end) = quiet_for(5);
    change(&world, 2, timing).await;
    let plan = DeliveryPlan { subscription_version: 2, ..planned(&world, end) };
    let delivery = world.schedule_plan(plan).await;
    let running = world.run("node-1");
    let (timing, later) = quiet_for(8);
    change(&world, 3, timing).await;
    assert_eq!(moved(&world, delivery).await, Some(berlin(later)));
    world.check_queue(delivery).await;
    assert!(world.sink.received(&path("bob")).is_empty());

    change(&world, 4, Timing::default()).await;
    let (outcome, events) = world.until_closed(delivery).await;
    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(events[2], DeliveryEvent::DeliveryRescheduled { planned: None });
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_asks_again_and_moves_what_may_not_be_sent_now() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let (timing, end) = quiet_for(7);
    change(&world, 2, timing).await;
    let running = world.run("node-1");
    assert_eq!(moved(&world, delivery).await, Some(berlin(end)));
    world.check_queue(delivery).await;
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}
