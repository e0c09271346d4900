use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use schema::events::{
    DeliveryEvent, DistributionEvent, NotPlannedReason, SliceSums, SubscriptionEvent,
};
use schema::{Actor, ChannelKind};
use store::Precondition;
use tokio_util::sync::CancellationToken;

use super::support::{
    World, acme, named, report, subscription, subscription_stream, until, version,
};
use crate::{Intake, IntakeConfig, WithdrawVersion};

const WEBHOOK: &[ChannelKind] = &[ChannelKind::Webhook];

/// One slice a turn, and a lease that ends soon.
fn one_slice_a_turn() -> IntakeConfig {
    IntakeConfig {
        turn_slices: 1,
        planning_lease_ms: 1_000,
        planning_poll_ms: 20,
        ..Default::default()
    }
}

/// Runs the planner while `until` waits.
async fn plan_until_complete(world: &World, intakes: &[&Arc<Intake>]) {
    let cancel = CancellationToken::new();
    let planners =
        intakes.iter().map(|intake| tokio::spawn(Arc::clone(intake).plan(cancel.clone())));
    let planners: Vec<_> = planners.collect();
    until("every plan is complete", || async {
        let complete = |event: &DistributionEvent| {
            matches!(event, DistributionEvent::SlicePlanned { through: None, .. })
        };
        let events = world.distributions().await;
        let received =
            |event: &DistributionEvent| matches!(event, DistributionEvent::ReportReceived(_));
        let count =
            |is: &dyn Fn(&DistributionEvent) -> bool| events.iter().filter(|e| is(e)).count();
        count(&complete) == count(&received)
    })
    .await;
    cancel.cancel();
    futures::future::join_all(planners).await;
}

fn slices(events: &[DistributionEvent]) -> Vec<(u32, SliceSums)> {
    let of_slice = |event: &DistributionEvent| match event {
        DistributionEvent::SlicePlanned { slice, sums, .. } => Some((*slice, sums.clone())),
        _ => None,
    };
    events.iter().filter_map(of_slice).collect()
}

async fn planned_recipients(world: &World) -> Vec<String> {
    let of_plan = |event: DeliveryEvent| match event {
        DeliveryEvent::DeliveryScheduled(plan) => Some(plan.recipient.to_string()),
        _ => None,
    };
    world.deliveries().await.into_iter().filter_map(of_plan).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_slice_is_planned_to_its_end_with_bounded_units() {
    let world = World::start(600).await;
    world.subscribe(1_200, WEBHOOK).await;

    let received = world.intake.receive(report("1")).await.unwrap();
    assert_eq!((received.planned, received.is_planned), (500, false));
    plan_until_complete(&world, &[&world.intake]).await;

    let sums: Vec<_> = slices(&world.distributions().await)
        .into_iter()
        .map(|(slice, sums)| (slice, sums.considered, sums.planned))
        .collect();
    assert_eq!(sums, [(0, 500, 500), (1, 500, 500), (2, 200, 200)]);
    let planned = planned_recipients(&world).await;
    assert_eq!(planned.iter().collect::<BTreeSet<_>>().len(), 1_200);
    assert_eq!(planned.len(), 1_200);
    assert_eq!(world.permits.launched.lock().unwrap().len(), 600);
    assert_eq!(world.count("select count(*) from delivery_queue").await, 1_200);
    assert_eq!(world.count("select count(*) from planning_queue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_planner_is_gone_is_finished_by_another_node() {
    let world = World::start_with(0, one_slice_a_turn(), 5_000).await;
    world.subscribe(1_700, WEBHOOK).await;
    world.intake.receive(report("1")).await.unwrap();
    // Gone right behind its claim: the lease is all that is left of it.
    let claimed = world.ledger.claim_planning(1_000).await.unwrap();
    assert_eq!(claimed.map(|row| row.slice), Some(1));

    let second = world.node("two", one_slice_a_turn());
    plan_until_complete(&world, &[&second]).await;

    assert_eq!(planned_recipients(&world).await.len(), 1_700);
    assert_eq!(slices(&world.distributions().await).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_at_many_plans_plan_everyone_once() {
    let world = World::start_with(0, one_slice_a_turn(), 5_000).await;
    world.subscribe(1_100, WEBHOOK).await;
    for name in ["1", "2", "3", "4"] {
        world.intake.receive(report(name)).await.unwrap();
    }

    let second = world.node("two", one_slice_a_turn());
    plan_until_complete(&world, &[&world.intake, &second]).await;

    assert_eq!(planned_recipients(&world).await.len(), 4 * 1_100);
    let sums = slices(&world.distributions().await);
    assert_eq!(sums.len(), 4 * 3);
    assert_eq!(sums.iter().map(|(_, sums)| sums.planned).sum::<u64>(), 4 * 1_100);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sums_close_while_subscriptions_change_meanwhile() {
    let world = World::start_with(0, one_slice_a_turn(), 5_000).await;
    world.subscribe(1_500, WEBHOOK).await;
    world.intake.receive(report("1")).await.unwrap();
    let changes = async {
        for number in (0..1_500).step_by(10) {
            let ended =
                SubscriptionEvent::Unsubscribed { version: 2, reason: "requested".to_owned() };
            let stream = subscription_stream(number, ChannelKind::Webhook);
            world.append(stream, 1, vec![ended.into()]).await;
            let begun = subscription(number + 1, ChannelKind::Mail);
            world.append(begun.stream, 0, begun.events).await;
        }
    };

    let planners = [&world.intake];
    futures::join!(changes, plan_until_complete(&world, &planners));

    let mut considered = 0;
    for (_, sums) in slices(&world.distributions().await) {
        let not_planned: u64 = sums.not_planned.values().sum();
        assert_eq!(sums.considered, sums.planned + not_planned);
        considered += sums.planned;
    }
    assert_eq!(planned_recipients(&world).await.len() as u64, considered);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_while_it_is_planned_is_accounted_for_and_not_planned() {
    let world = World::start_with(0, one_slice_a_turn(), 5_000).await;
    world.subscribe(900, WEBHOOK).await;
    world.intake.receive(report("1")).await.unwrap();
    let withdrawal = WithdrawVersion {
        tenant: acme(),
        report: named("risk"),
        version: version("1"),
        reason: "wrong prices".to_owned(),
        actor: Actor::new("key", "publisher"),
        command: None,
        precondition: Precondition::Any,
        traceparent: None,
    };
    world.intake.withdraw(withdrawal).await.unwrap();
    // Another node's index, which the tail has not told yet.
    *world.routing.write().unwrap() = unstopped(&world).await;

    plan_until_complete(&world, &[&world.intake]).await;

    let sums = slices(&world.distributions().await);
    let (_, last) = &sums[1];
    assert_eq!((last.considered, last.planned), (400, 0));
    assert_eq!(last.not_planned.get(&NotPlannedReason::Withdrawn), Some(&400));
    assert_eq!(planned_recipients(&world).await.len(), 500);
}

/// The index without what happened to distributions.
async fn unstopped(world: &World) -> aggregates::routing::RoutingIndex {
    use schema::AggregateType::{Recipient, Report, Subscription};
    let mut index = aggregates::routing::RoutingIndex::new();
    for recorded in world.log(&[Report, Recipient, Subscription]).await {
        index.follow(&recorded);
    }
    index
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planner_that_is_told_to_stop_leaves_the_rest_free_for_others_at_once() {
    let world = World::start_with(0, one_slice_a_turn(), 5_000).await;
    world.subscribe(2_100, WEBHOOK).await;
    world.intake.receive(report("1")).await.unwrap();
    // Told to stop the moment its first slice is in the ledger; the next may be drafted by then, and one ends the turn.
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    world.ledger.on_append(Arc::new(move |events| {
        if events.iter().any(|recorded| recorded.event.event_type() == "SlicePlanned") {
            stop.cancel();
        }
    }));
    let long_turns =
        IntakeConfig { turn_slices: 100, planning_lease_ms: 600_000, ..Default::default() };
    world.node("one", long_turns).plan(cancel).await;

    let planned = slices(&world.distributions().await).len();
    assert!((3..=4).contains(&planned), "{planned} of 5 slices");
    let rest = world.ledger.claim_planning(1_000).await.unwrap();
    assert_eq!(rest.map(|row| row.slice as usize), Some(planned), "the rest is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_keeps_pace_ends_its_first_slice_where_permits_end_and_goes_on_without_any() {
    let world = World::start(10).await;
    world.permits.paced.store(true, Ordering::SeqCst);
    world.subscribe(100, WEBHOOK).await;

    // Ten may be sent at once, and five more wait in the queue; the sixth is the last of its slice.
    let received = world.intake.receive(report("1")).await.unwrap();
    assert_eq!((received.planned, received.is_planned), (16, false));
    assert_eq!(world.permits.launched.lock().unwrap().len(), 10);

    // No permit comes back: what is left is planned all the same, with patience.
    plan_until_complete(&world, &[&world.intake]).await;
    let planned = planned_recipients(&world).await;
    assert_eq!(planned.iter().collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(world.permits.launched.lock().unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_keeps_pace_plans_and_starts_each_delivery_in_one_unit() {
    let world = World::start(10).await;
    world.permits.paced.store(true, Ordering::SeqCst);
    world.permits.answers_at_once.store(true, Ordering::SeqCst);
    world.subscribe(60, WEBHOOK).await;
    let cancel = CancellationToken::new();
    let planner = tokio::spawn(Arc::clone(&world.intake).plan(cancel.clone()));
    world.intake.receive(report("1")).await.unwrap();
    until("all are planned", || async { planned_recipients(&world).await.len() == 60 }).await;
    cancel.cancel();
    planner.await.unwrap();
    let started = world.permits.ended.load(Ordering::SeqCst);
    assert!(started >= 40, "only {started} of 60 were started with their plan");
}
