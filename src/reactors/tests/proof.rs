use reactors::{Proof, last_mismatches};
use schema::events::{DeliveryEvent, DistributionEvent, OutcomeCounts, SliceSums};
use schema::{LedgerEvent, Proof as Receipt};
use simulator::{Shape, Simulator, record};
use store::testing::TestLedger;

use crate::support::{
    House, delivery, distribution, ended, received, scheduled, slice, started, succeeded,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sums_of_a_whole_history_are_those_of_sql_over_the_events() {
    let test = TestLedger::start().await;
    let history = Simulator::new(Shape::default()).take(30_000);
    record(&mut test.owner().await, history).await.unwrap();
    let head = test.ledger.head().await.unwrap();
    let proof = Proof::of(&test.ledger, head, |_| {}).await.unwrap();
    let sums: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select sum((payload ->> 'considered')::bigint)::bigint from events where event_type = 'SlicePlanned'),
                (select sum((payload ->> 'planned')::bigint)::bigint from events where event_type = 'SlicePlanned'),
                (select count(*) from events where event_type = 'DeliveryScheduled'),
                (select count(*) from events where event_type in
                    ('DeliveryCancelled', 'DeliveryExpired', 'DeliverySuppressed')
                    or payload -> 'outcome' ->> 'kind' = 'succeeded'
                    or payload -> 'outcome' -> 'next' ->> 'kind' = 'dead_lettered')",
    )
    .fetch_one(&mut test.owner().await)
    .await
    .unwrap();
    let found = (
        proof.sums.considered as i64,
        proof.sums.planned as i64,
        proof.scheduled as i64,
        proof.outcomes.total() as i64,
    );
    assert_eq!(found, sums);
    // The history was cut in the middle of its last distribution: there and nowhere else a sum is not whole.
    assert!(proof.mismatch_count <= 1, "{:#?}", proof.mismatches);
    assert!(proof.due > 0 && proof.reconciled == 0, "nobody reconciles here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_does_not_hold_is_named_and_kept_until_it_does() {
    let house = House::start().await;
    let counts = OutcomeCounts { delivered: 2, ..OutcomeCounts::default() };
    let sums = SliceSums { considered: 2, planned: 2, ..SliceSums::default() };
    let reconciled = DistributionEvent::DistributionReconciled { sums, outcomes: counts };
    let run = schema::StreamId::distribution(distribution("v1"));
    let events: Vec<LedgerEvent> = vec![received("v1"), slice(0, true, 2), reconciled.into()];
    // Two are planned, one is in the log, and it was closed twice.
    let twice = DeliveryEvent::DeliveryExpired { deadline: crate::support::at(1) };
    let bob = vec![
        scheduled("v1", "bob"),
        started(1),
        ended(1, succeeded(Receipt::Delivered)),
        twice.into(),
    ];
    house.append(vec![(run, 0, events), (delivery("v1", "bob"), 0, bob)]).await;
    let ledger = house.ledger();
    let head = ledger.head().await.unwrap();
    let proof = Proof::of(ledger, head, |_| {}).await.unwrap();
    let rules: Vec<&str> = proof.mismatches.iter().map(|mismatch| mismatch.rule).collect();
    for rule in ["planned deliveries are in the log", "closed at most once"] {
        assert!(rules.contains(&rule), "{:#?}", proof.mismatches);
    }
    assert_eq!(proof.mismatch_count, rules.len() as u64);
    proof.keep(ledger.pool()).await.unwrap();
    let (count, first) = last_mismatches(ledger.pool()).await.unwrap().unwrap();
    assert_eq!(count, rules.len() as i64);
    assert!(first.unwrap().contains("must be"));
}
