use std::collections::BTreeMap;

use schema::events::{
    DeliveryEvent, DistributionEvent, NextStep, NotPlannedReason, OutcomeCounts, SliceSums,
    SuppressReason,
};
use schema::{LedgerEvent, Position, Proof, RecordedEvent, StreamId};

use crate::support::{
    House, delivery, distribution, ended, plan, received, scheduled, slice, started, succeeded,
};

const NAME: &str = "reconciliation";

async fn reconciled(house: &House, version: &str) -> Vec<RecordedEvent> {
    let stream = StreamId::distribution(distribution(version));
    let is_end = |event: &RecordedEvent| {
        matches!(
            event.event,
            LedgerEvent::Distribution(DistributionEvent::DistributionReconciled { .. })
        )
    };
    house.stream(&stream).await.into_iter().filter(is_end).collect()
}

async fn rows(house: &House) -> i64 {
    sqlx::query_scalar("select count(*) from reactor.reconciliation")
        .fetch_one(house.ledger().pool())
        .await
        .unwrap()
}

/// A distribution of one delivery, received, planned and delivered.
fn single(version: &str) -> Vec<(StreamId, i64, Vec<LedgerEvent>)> {
    let run = StreamId::distribution(distribution(version));
    let life = vec![scheduled(version, "a"), started(1), ended(1, succeeded(Proof::Delivered))];
    vec![(run, 0, vec![received(version), slice(0, true, 1)]), (delivery(version, "a"), 0, life)]
}

#[tokio::test]
async fn a_distribution_is_reconciled_when_its_last_delivery_closes() {
    let house = House::start().await;
    let run = StreamId::distribution(distribution("v1"));
    house
        .append(vec![
            (run.clone(), 0, vec![received("v1"), slice(0, false, 2)]),
            (delivery("v1", "a"), 0, vec![scheduled("v1", "a")]),
            (delivery("v1", "b"), 0, vec![scheduled("v1", "b")]),
        ])
        .await;
    let retry = NextStep::RetryAt { at: crate::support::at(9) };
    let failed = crate::support::started(1);
    house
        .append(vec![
            (delivery("v1", "a"), 1, vec![failed, ended(1, succeeded(Proof::Accepted))]),
            (delivery("v1", "b"), 1, vec![started(1), ended(1, in_doubt(retry))]),
        ])
        .await;
    let last = house
        .append(vec![
            (run.clone(), 2, vec![slice(1, true, 1)]),
            (delivery("v1", "c"), 0, vec![scheduled("v1", "c")]),
        ])
        .await;
    house.reached(NAME, last).await;
    assert_eq!(reconciled(&house, "v1").await, vec![], "two are open");

    let reason = SuppressReason::Unsubscribed;
    let suppressed = DeliveryEvent::DeliverySuppressed { reason }.into();
    house.append(vec![(delivery("v1", "c"), 1, vec![suppressed])]).await;
    let note = "asked".to_owned();
    let resolution = schema::events::Resolution::Arrived;
    let resolved = DeliveryEvent::DoubtResolved { attempt: 1, resolution, note, next: None };
    let last = house.append(vec![(delivery("v1", "b"), 3, vec![resolved.into()])]).await;
    house.reached(NAME, last).await;

    let ends = reconciled(&house, "v1").await;
    let expected = DistributionEvent::DistributionReconciled {
        sums: SliceSums {
            considered: 5,
            planned: 3,
            not_planned: BTreeMap::from([(NotPlannedReason::Paused, 2)]),
        },
        outcomes: OutcomeCounts { accepted: 2, suppressed: 1, ..OutcomeCounts::default() },
    };
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].event, LedgerEvent::Distribution(expected));
    assert_eq!(ends[0].metadata.actor.as_str(), "reactor:reconciliation");
    assert_eq!(ends[0].metadata.causation, Some(last.to_string()));
    house.reached(NAME, ends[0].position).await;
    assert_eq!(rows(&house).await, 0, "what is over is not counted any more");
}

fn in_doubt(next: NextStep) -> schema::events::AttemptOutcome {
    schema::events::AttemptOutcome::InDoubt { code: "lease_ended".to_owned(), next }
}

#[tokio::test]
async fn a_distribution_without_deliveries_is_reconciled_at_once() {
    let house = House::start().await;
    let run = StreamId::distribution(distribution("v1"));
    let last = house.append(vec![(run, 0, vec![received("v1"), slice(0, true, 0)])]).await;
    house.reached(NAME, last).await;
    assert_eq!(reconciled(&house, "v1").await.len(), 1);
}

#[tokio::test]
async fn resends_and_late_evidence_are_not_counted() {
    let house = House::start().await;
    house.append(single("v1")).await;
    let mut again = plan("v1", "a");
    again.resend = 1;
    let run = distribution("v1");
    let channel = schema::ChannelKind::Webhook;
    let id = schema::DeliveryId::of(run, crate::support::at(0), &again.recipient, channel, 1);
    let life = vec![
        DeliveryEvent::DeliveryScheduled(again).into(),
        started(1),
        ended(1, succeeded(Proof::Delivered)),
    ];
    let last = house.append(vec![(StreamId::delivery(id), 0, life)]).await;
    house.reached(NAME, last).await;
    assert_eq!(reconciled(&house, "v1").await.len(), 1);

    let reason = "wrong".to_owned();
    let withdrawn = DistributionEvent::VersionWithdrawn { reason }.into();
    let last = house.append(vec![(StreamId::distribution(run), 3, vec![withdrawn])]).await;
    house.reached(NAME, last).await;
    assert_eq!(rows(&house).await, 0, "nothing is begun anew");
}

#[tokio::test]
async fn a_reactor_that_forgot_counts_on_where_it_was() {
    let mut house = House::start().await;
    let run = StreamId::distribution(distribution("v1"));
    let last = house
        .append(vec![
            (run, 0, vec![received("v1"), slice(0, true, 2)]),
            (delivery("v1", "a"), 0, vec![scheduled("v1", "a"), started(1)]),
            (delivery("v1", "b"), 0, vec![scheduled("v1", "b"), started(1)]),
        ])
        .await;
    house.reached(NAME, last).await;
    let end = |recipient: &str| {
        (delivery("v1", recipient), 2, vec![ended(1, succeeded(Proof::Delivered))])
    };
    let last = house.append(vec![end("a")]).await;
    house.reached(NAME, last).await;
    house.sleep().await;
    house.wake().await;
    let last = house.append(vec![end("b")]).await;
    house.reached(NAME, last).await;
    assert_eq!(reconciled(&house, "v1").await.len(), 1);
}

#[tokio::test]
async fn a_replay_of_the_whole_log_repeats_nothing() {
    let mut house = House::start().await;
    let mut last = Position(0);
    for version in 0..20 {
        last = house.append(single(&format!("v{version}"))).await;
    }
    house.reached(NAME, last).await;
    let head = house.ledger().head().await.unwrap();
    house.start_over().await;
    house.reached(NAME, head).await;
    assert_eq!(house.ledger().head().await.unwrap(), head);
    for version in 0..20 {
        assert_eq!(reconciled(&house, &format!("v{version}")).await.len(), 1);
    }
}
