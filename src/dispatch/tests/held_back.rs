//! What keeps a due delivery from being sent.

use aggregates::delivery::Outcome;
use schema::events::{
    CancelReason, DeliveryEvent, DeliveryPlan, DistributionEvent, GroupEvent,
    GroupSubscriptionBody, PauseScope, SubscriptionBody, SubscriptionEvent, SuppressReason,
    TenantEvent,
};
use schema::{
    Addressee, AttributeValue, ChannelKind, DeliveryId, Preferences, RecipientId, ReportSelector,
    Selector, StreamId, Timing,
};

use crate::sink::Answer;
use crate::world::{World, destination, names, now, path, subscription, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn who_unsubscribed_before_the_send_gets_nothing() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let stream = StreamId::subscription(&tenant(), &subscription("bob"));
    let ended = SubscriptionEvent::Unsubscribed { version: 2, reason: "one_click".to_owned() };
    world.append(stream, 1, vec![ended.into()]).await;

    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Suppressed);
    let suppressed = DeliveryEvent::DeliverySuppressed { reason: SuppressReason::Unsubscribed };
    assert_eq!(events[1..], [suppressed]);
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_the_group_before_the_send_gets_nothing_and_who_stayed_does() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.webhook("eve").await;
    let member = |name: &str| Addressee::Recipient(RecipientId::try_new(name).unwrap());
    let group = StreamId::group(&tenant(), &"desk".parse().unwrap());
    let made = GroupEvent::GroupCreated { title: "Desk".to_owned() };
    let added = ["bob", "eve"].map(|name| GroupEvent::MemberAdded { member: member(name) });
    let events = [made].into_iter().chain(added).map(Into::into).collect();
    world.append(group.clone(), 0, events).await;
    let body = GroupSubscriptionBody {
        group: "desk".parse().unwrap(),
        selector: Selector { report: ReportSelector::Every, attributes: Default::default() },
        preferences: Preferences {
            channels: vec![ChannelKind::Webhook],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    let subscribed = SubscriptionEvent::GroupSubscribed { version: 1, body };
    let stream = StreamId::subscription(&tenant(), &subscription("desk"));
    world.append(stream, 0, vec![subscribed.into()]).await;
    let of_desk = |name: &str| DeliveryPlan {
        subscription: subscription("desk"),
        group: Some("desk".parse().unwrap()),
        ..world.plan(name, ChannelKind::Webhook)
    };
    let (bob, eve) = (of_desk("bob"), of_desk("eve"));
    let (bob, eve) = (world.schedule_plan(bob).await, world.schedule_plan(eve).await);
    let left = GroupEvent::MemberRemoved { member: member("bob") };
    world.append(group, 3, vec![left.into()]).await;

    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(bob).await;

    assert_eq!(outcome, Outcome::Suppressed);
    let suppressed = DeliveryEvent::DeliverySuppressed { reason: SuppressReason::NotMember };
    assert_eq!(events[1..], [suppressed]);
    assert!(world.sink.received(&path("bob")).is_empty());
    assert_eq!(world.until_closed(eve).await.0, Outcome::Delivered);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_other_attributes_before_the_send_gets_nothing() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let stream = StreamId::subscription(&tenant(), &subscription("bob"));
    let region = [("region".to_owned(), vec![AttributeValue::Text("eu".to_owned())])];
    let body = SubscriptionBody {
        recipient: RecipientId::try_new("bob").unwrap(),
        selector: Selector { report: ReportSelector::Every, attributes: region.into() },
        preferences: Preferences {
            channels: vec![ChannelKind::Webhook],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    let changed = SubscriptionEvent::SubscriptionChanged { version: 2, body };
    world.append(stream, 1, vec![changed.into()]).await;

    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Suppressed);
    let suppressed = DeliveryEvent::DeliverySuppressed { reason: SuppressReason::Unsubscribed };
    assert_eq!(events[2..], [suppressed]);
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_who_unsubscribed_meanwhile_is_not_sent() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.sink.script(&path("bob"), [Answer::RetryAfter(503, 1)]);
    let running = world.run("node-1");
    let delivery = world.schedule("bob").await;
    world.until(delivery, "failure", |events| events.len() == 3).await;
    let stream = StreamId::subscription(&tenant(), &subscription("bob"));
    let ended = SubscriptionEvent::Unsubscribed { version: 2, reason: "one_click".to_owned() };
    world.append(stream, 1, vec![ended.into()]).await;

    let (outcome, _) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Suppressed);
    assert_eq!(world.sink.received(&path("bob")).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_version_is_called_off() {
    let world = World::open().await;
    world.webhook("bob").await;
    let delivery = world.schedule("bob").await;
    let withdrawn = DistributionEvent::VersionWithdrawn { reason: "wrong numbers".to_owned() };
    world.append(StreamId::distribution(world.distribution), 1, vec![withdrawn.into()]).await;

    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Cancelled);
    let cancelled = DeliveryEvent::DeliveryCancelled { reason: CancelReason::Withdrawn };
    assert_eq!(events[1..], [cancelled]);
    running.stop().await;
}

/// Deliveries to "bob" that wait, more than one claim takes.
async fn many(world: &World) -> Vec<DeliveryId> {
    let mut deliveries = Vec::new();
    for resend in 0..500 {
        let mut plan = world.plan("bob", ChannelKind::Webhook);
        plan.resend = resend;
        deliveries.push(world.schedule_plan(plan).await);
    }
    deliveries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_version_of_many_deliveries_is_called_off_and_holds_up_nobody_behind_it() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.webhook("eve").await;
    let deliveries = many(&world).await;
    let mut behind = world.plan("eve", ChannelKind::Webhook);
    behind.distribution = world.another_version("2026-11-24").await;
    let behind = world.schedule_plan(behind).await;
    let withdrawn = DistributionEvent::VersionWithdrawn { reason: "wrong numbers".to_owned() };
    world.append(StreamId::distribution(world.distribution), 1, vec![withdrawn.into()]).await;

    let running = world.run("node-1");
    assert_eq!(world.until_closed(behind).await.0, Outcome::Delivered);
    for delivery in deliveries {
        let (outcome, events) = world.until_closed(delivery).await;
        assert_eq!((outcome, events.len()), (Outcome::Cancelled, 2));
    }
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_waits_for_who_unsubscribed_is_suppressed_each_once() {
    let world = World::open().await;
    world.webhook("bob").await;
    let deliveries = many(&world).await;
    let stream = StreamId::subscription(&tenant(), &subscription("bob"));
    let ended = SubscriptionEvent::Unsubscribed { version: 2, reason: "one_click".to_owned() };
    world.append(stream, 1, vec![ended.into()]).await;

    let running = world.run("node-1");
    for delivery in deliveries {
        let (outcome, events) = world.until_closed(delivery).await;
        assert_eq!((outcome, events.len()), (Outcome::Suppressed, 2));
    }
    assert!(world.sink.received(&path("bob")).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_after_its_deadline_expires() {
    let world = World::open().await;
    world.webhook("bob").await;
    let mut plan = world.plan("bob", ChannelKind::Webhook);
    plan.deadline = now();
    let delivery = world.schedule_plan(plan).await;

    let running = world.run("node-1");
    let (outcome, events) = world.until_closed(delivery).await;

    assert_eq!(outcome, Outcome::Expired);
    assert_eq!(names(&events), ["DeliveryScheduled", "DeliveryExpired"]);
    running.stop().await;
}

/// Pauses `scope`, lets a delivery that is not paused pass, and resumes.
async fn pause_and_resume(world: &World, scope: PauseScope, free: Option<(&str, ChannelKind)>) {
    let stream = StreamId::tenant(&tenant());
    let created = TenantEvent::TenantCreated { title: "Acme".to_owned() };
    let paused = TenantEvent::DispatchPaused { scope: scope.clone(), reason: "audit".to_owned() };
    world.append(stream.clone(), 0, vec![created.into(), paused.into()]).await;
    let held = world.schedule("bob").await;

    let running = world.run("node-1");
    match free {
        Some((recipient, channel)) => {
            let free = world.schedule_plan(world.plan(recipient, channel)).await;
            world.until_closed(free).await;
        }
        None => {
            let mut plan = world.plan("bob", ChannelKind::Webhook);
            (plan.deadline, plan.resend) = (now().plus_ms(50), 1);
            // A pause does not stop the clock: this one expires meanwhile.
            let late = world.schedule_plan(plan).await;
            assert_eq!(world.until_closed(late).await.0, Outcome::Expired);
        }
    }
    assert_eq!(names(&world.events(held).await), ["DeliveryScheduled"]);
    assert!(world.sink.received(&path("bob")).is_empty());

    let resumed = TenantEvent::DispatchResumed { scope };
    world.append(stream, 2, vec![resumed.into()]).await;
    assert_eq!(world.until_closed(held).await.0, Outcome::Delivered);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_tenant_waits_until_it_is_resumed_and_deadlines_go_on() {
    let world = World::open().await;
    world.webhook("bob").await;
    pause_and_resume(&world, PauseScope::All, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_channel_waits_while_the_other_goes_on() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.mailbox("ann").await;
    let scope = PauseScope::Channel { channel: ChannelKind::Webhook };
    pause_and_resume(&world, scope, Some(("ann", ChannelKind::Mail))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_destination_waits_while_others_go_on() {
    let world = World::open().await;
    world.webhook("bob").await;
    world.webhook("eve").await;
    let scope = PauseScope::Destination { destination: destination("bob") };
    pause_and_resume(&world, scope, Some(("eve", ChannelKind::Webhook))).await;
}
