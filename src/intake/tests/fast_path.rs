use std::collections::BTreeMap;

use aggregates::delivery::{Delivery, Lane};
use aggregates::planning::version_digest;
use schema::events::{
    DeliveryEvent, DeliveryPlan, DistributionEvent, PauseScope, ReportVersion, SliceSums,
    TenantEvent,
};
use schema::{
    AddressId, AggregateType, Attributes, ChannelKind, DeliveryId, DestinationKey, DistributionId,
    GrantId, LedgerEvent, StreamId, SubscriptionId,
};
use store::QueueRow;

use super::support::{TRACE, World, acme, named, report, version, who};

#[tokio::test]
async fn one_unit_holds_the_version_its_plan_and_the_attempts_with_a_permit() {
    let world = World::start(1).await;
    world.subscribe(2, &[ChannelKind::Webhook]).await;
    let mut given = report("2026-11-23");
    given.artifacts = vec![world.artifact("risk.csv", "a,b\n1,2\n").await];

    let received = world.intake.receive(given.clone()).await.unwrap();

    assert_eq!((received.considered, received.planned), (2, 2));
    assert!(received.is_planned && !received.repeated);
    let events = world.log(&[AggregateType::Distribution, AggregateType::Delivery]).await;
    let names: Vec<_> = events.iter().map(|recorded| recorded.event.event_type()).collect();
    let scheduled = "DeliveryScheduled";
    assert_eq!(names, ["ReportReceived", "SlicePlanned", scheduled, "AttemptStarted", scheduled]);
    assert_eq!(received.position, events.last().map(|event| event.position));
    let transactions = "select count(distinct xmin::text) from events \
                        where aggregate_type in ('distribution', 'delivery')";
    assert_eq!(world.count(transactions).await, 1);
    assert!(events.iter().all(|one| one.metadata.traceparent.as_deref() == Some(TRACE)));

    let LedgerEvent::Distribution(DistributionEvent::ReportReceived(taken)) = &events[0].event
    else {
        unreachable!("{:?}", events[0]);
    };
    let expected = ReportVersion {
        report: named("risk"),
        version: version("2026-11-23"),
        digest: version_digest(&Attributes::new(), &given.artifacts, None),
        title: "Market risk".to_owned(),
        attributes: Attributes::new(),
        artifacts: given.artifacts,
        frame: None,
        corrects: None,
        received_at: taken.received_at,
        deadline: taken.received_at.plus_ms(3_600_000),
    };
    assert_eq!(*taken, expected);
    let planned = DistributionEvent::SlicePlanned {
        slice: 0,
        after: None,
        through: None,
        read_at: world.routing.read().unwrap().read_at(),
        sums: SliceSums { considered: 2, planned: 2, not_planned: BTreeMap::new() },
        decisions: vec![],
    };
    assert_eq!(events[1].event, planned.into());
    let plan = plan(0, &expected);
    assert_eq!(events[2].event, DeliveryEvent::DeliveryScheduled(plan).into());
    let started =
        DeliveryEvent::AttemptStarted { attempt: 1, node: "one".to_owned(), address_revision: 1 };
    assert_eq!(events[3].event, started.into());
}

#[tokio::test]
async fn the_queue_holds_what_the_events_say_and_dispatch_gets_what_was_started() {
    let world = World::start(1).await;
    world.subscribe(2, &[ChannelKind::Webhook]).await;

    let received = world.intake.receive(report("1")).await.unwrap();

    let DistributionEvent::ReportReceived(taken) = &world.distributions().await[0] else {
        unreachable!()
    };
    let started = std::mem::take(&mut *world.permits.launched.lock().unwrap());
    assert_eq!(started.len(), 1);
    let first = &started[0];
    let (with, without) = (plan(0, taken), plan(1, taken));
    assert_eq!(first.delivery, id(0, taken));
    assert_eq!((first.sequence, first.state.attempt_count()), (2, 1));
    assert_eq!(first.state.plan(), Some(&with));
    assert_eq!(first.traceparent.as_deref(), Some(TRACE));

    let attempting = world.ledger.queue_row(id(0, taken)).await.unwrap().unwrap();
    assert_eq!(attempting, row(0, taken, 2, &first.state));
    let waiting = world.ledger.queue_row(id(1, taken)).await.unwrap().unwrap();
    let state = Delivery::Scheduled { plan: Box::new(without) };
    assert_eq!(waiting, row(1, taken, 1, &state));
    assert!(world.ledger.claim_planning(1_000).await.unwrap().is_none());
    let leased = "select count(*) from delivery_queue where due_at > now() + interval '50 s'";
    assert_eq!(world.count(leased).await, 1);
    assert_eq!(world.permits.free(), 0);
    drop(started);
    assert_eq!(world.permits.free(), 1);
    assert_eq!(received.distribution, with.distribution);
}

#[tokio::test]
async fn a_version_nobody_wants_is_received_and_planned_to_its_end() {
    let world = World::start(8).await;
    let received = world.intake.receive(report("1")).await.unwrap();
    assert_eq!((received.considered, received.planned, received.is_planned), (0, 0, true));
    let names: Vec<_> = world.distributions().await;
    assert_eq!(names.len(), 2);
    assert!(world.deliveries().await.is_empty());
}

#[tokio::test]
async fn what_is_paused_is_planned_but_not_started() {
    let world = World::start(8).await;
    world.subscribe(2, &[ChannelKind::Webhook, ChannelKind::Mail]).await;
    let paused = TenantEvent::DispatchPaused {
        scope: PauseScope::Channel { channel: ChannelKind::Mail },
        reason: "provider trouble".to_owned(),
    };
    let created = TenantEvent::TenantCreated { title: "Acme".to_owned() };
    world.append(StreamId::tenant(&acme()), 0, vec![created.into(), paused.into()]).await;

    let received = world.intake.receive(report("1")).await.unwrap();

    assert_eq!(received.planned, 4);
    let launched = world.permits.launched.lock().unwrap();
    let channels: Vec<_> =
        launched.iter().filter_map(|one| Some(one.state.plan()?.channel)).collect();
    assert_eq!(channels, [ChannelKind::Webhook, ChannelKind::Webhook]);
}

#[tokio::test]
async fn a_slice_of_every_channel_for_everybody_stays_within_one_unit() {
    let world = World::start(10_000).await;
    world.subscribe(500, &ChannelKind::ALL).await;

    let received = world.intake.receive(report("1")).await.unwrap();

    assert_eq!((received.planned, received.is_planned), (1_500, true));
    // 2,000 events, three of them kept free for the distribution's own.
    assert_eq!(world.permits.launched.lock().unwrap().len(), 497);
    assert_eq!(world.deliveries().await.len(), 1_997);
    assert_eq!(world.count("select count(*) from delivery_queue").await, 1_500);
}

fn id(number: usize, taken: &ReportVersion) -> DeliveryId {
    let run = DistributionId::of(&acme(), &taken.report, &taken.version);
    DeliveryId::of(run, taken.received_at, &who(number), ChannelKind::Webhook, 0)
}

fn plan(number: usize, taken: &ReportVersion) -> DeliveryPlan {
    DeliveryPlan {
        distribution: DistributionId::of(&acme(), &taken.report, &taken.version),
        report: taken.report.clone(),
        version: taken.version.clone(),
        recipient: who(number),
        channel: ChannelKind::Webhook,
        subscription: SubscriptionId::try_new(format!("{}-webhook", who(number))).unwrap(),
        subscription_version: 1,
        group: None,
        grant: GrantId::try_new("desk").unwrap(),
        slice: 0,
        address: AddressId::try_new("webhook").unwrap(),
        destination: DestinationKey::try_new("webhook-sink").unwrap(),
        format: None,
        received_at: taken.received_at,
        deadline: taken.deadline,
        retry: aggregates::retry::default_schedule(ChannelKind::Webhook),
        resend_of: None,
        resend: 0,
        planned: None,
    }
}

fn row(number: usize, taken: &ReportVersion, sequence: i64, state: &Delivery) -> QueueRow {
    let plan = plan(number, taken);
    QueueRow {
        delivery: id(number, taken),
        tenant: acme(),
        distribution: plan.distribution,
        channel: plan.channel,
        destination: plan.destination,
        lane: Lane::First.number(),
        sequence,
        state: match state {
            Delivery::Attempting { .. } => String::new(),
            _ => serde_json::to_string(state).unwrap(),
        },
        traceparent: Some(TRACE.to_owned()),
    }
}
