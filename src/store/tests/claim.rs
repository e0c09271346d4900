//! The delivery queue and the planning queue.

use std::collections::BTreeSet;
use std::time::Duration;

use schema::{ChannelKind, DeliveryId, Timestamp};
use store::testing::TestLedger;
use store::{
    ClaimRequest, Claimed, Due, Ledger, LedgerConfig, PlanningChange, PlanningRow, QueueChange,
    QueueRow, Unit,
};

use crate::support::{
    delivery, distribution, in_doubt, metadata, queue_row, started, tenant, unit,
};

fn request(limit: u32, lease_ms: u64) -> ClaimRequest {
    ClaimRequest {
        lane: 0,
        channel: ChannelKind::Webhook,
        limit,
        lease_ms,
        without_tenants: vec![],
        without_destinations: vec![],
    }
}

/// `count` deliveries, due since 1970.
async fn fill(test: &TestLedger, count: u32) {
    let mut all = Unit::new(metadata());
    for number in 0..count {
        let due = Due::At(Timestamp::from_unix_micros(i64::from(number)));
        all.queue.push(QueueChange::Put(queue_row(number, 0, 0), due));
    }
    test.ledger.append(all).await.unwrap();
}

/// What dispatch does with a claimed row: an attempt begins, and the row is leased.
fn start(claimed: &Claimed, lease_ms: u64) -> Unit {
    let number = claimed.row.delivery.as_uuid().as_u128() as u32;
    let sequence = claimed.row.sequence;
    let lease = Due::Leased { lease_ms };
    let put = QueueChange::Put(queue_row(number, 0, sequence + 1), lease);
    Unit { queue: vec![put], ..unit(vec![started(number, sequence, 1)]) }
}

async fn claim(ledger: &Ledger, request: &ClaimRequest) -> Vec<DeliveryId> {
    let mut ids = vec![];
    let appended = ledger.claim(request, |rows| {
        ids.extend(rows.iter().map(|claimed| claimed.row.delivery));
        rows.iter().map(|claimed| start(claimed, request.lease_ms)).collect()
    });
    let appended = appended.await.unwrap();
    assert_eq!(appended.len(), ids.len());
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_never_claim_the_same_row() {
    let test = TestLedger::start().await;
    fill(&test, 200).await;
    let other = Ledger::connect(LedgerConfig::new(test.app_url.clone())).await.unwrap();
    let nodes = [test.ledger.clone(), other];
    let claims = nodes.map(|ledger| {
        tokio::spawn(async move {
            let mut got = vec![];
            loop {
                let ids = claim(&ledger, &request(7, 60_000)).await;
                if ids.is_empty() {
                    return got;
                }
                got.extend(ids);
            }
        })
    });
    let mut all = vec![];
    for node in claims {
        all.extend(node.await.unwrap());
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>().len(), 200);
    let row = test.ledger.queue_row(delivery(3)).await.unwrap().unwrap();
    assert_eq!(row, queue_row(3, 0, 1));
    assert_eq!(test.ledger.head().await.unwrap().0, 200);
}

#[tokio::test]
async fn rows_are_claimed_in_the_order_they_are_due_and_come_back_when_their_lease_ends() {
    let test = TestLedger::start().await;
    fill(&test, 5).await;
    let two = request(2, 100);
    let rows = test.ledger.claim(&two, |rows| {
        let ids: Vec<_> = rows.iter().map(|claimed| claimed.row.delivery).collect();
        assert_eq!(ids, [delivery(0), delivery(1)]);
        assert!(rows.iter().all(|claimed| claimed.due_at < claimed.now));
        vec![]
    });
    assert!(rows.await.unwrap().is_empty());

    // A row that no unit changed is leased all the same.
    assert_eq!(claim(&test.ledger, &request(9, 60_000)).await.len(), 3);
    let again = async {
        let mut ids = vec![];
        while ids.len() < 2 {
            ids.extend(claim(&test.ledger, &request(9, 60_000)).await);
        }
        ids
    };
    let mut ids = tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
    ids.sort();
    assert_eq!(ids, [delivery(0), delivery(1)]);
}

#[tokio::test]
async fn what_is_paused_is_left_out() {
    let test = TestLedger::start().await;
    fill(&test, 2).await;
    let nothing = [
        ClaimRequest { without_tenants: vec!["acme".into()], ..request(9, 1_000) },
        ClaimRequest { channel: ChannelKind::Mail, ..request(9, 1_000) },
        ClaimRequest { without_destinations: vec!["d1".into()], ..request(9, 1_000) },
        ClaimRequest { lane: 1, ..request(9, 1_000) },
    ];
    for request in nothing {
        assert_eq!(claim(&test.ledger, &request).await, [], "{request:?}");
    }
    let others = ClaimRequest { without_tenants: vec!["other".into()], ..request(9, 1_000) };
    assert_eq!(claim(&test.ledger, &others).await.len(), 2);
}

#[tokio::test]
async fn a_row_whose_unit_cannot_be_stored_does_not_hold_up_the_others() {
    let test = TestLedger::start().await;
    fill(&test, 10).await;
    // The stream has moved on, the queue's row has not: something went wrong here before.
    test.ledger.append(unit(vec![started(4, 0, 1)])).await.unwrap();

    let ten = request(10, 60_000);
    let appended =
        test.ledger.claim(&ten, |rows| rows.iter().map(|claimed| start(claimed, 60_000)).collect());

    assert_eq!(appended.await.unwrap().len(), 9);
    assert_eq!(test.ledger.queue_row(delivery(4)).await.unwrap().unwrap().sequence, 0);
    assert_eq!(test.ledger.queue_row(delivery(5)).await.unwrap().unwrap().sequence, 1);
    assert_eq!(claim(&test.ledger, &request(10, 60_000)).await, []);
}

#[tokio::test]
async fn a_row_put_below_the_remembered_floor_is_found() {
    let test = TestLedger::start().await;
    assert_eq!(claim(&test.ledger, &request(9, 60_000)).await, []);
    fill(&test, 1).await;
    assert_eq!(claim(&test.ledger, &request(9, 60_000)).await, [delivery(0)]);
}

#[tokio::test]
async fn open_deliveries_are_listed_and_counted() {
    let test = TestLedger::start().await;
    fill(&test, 5).await;
    let first = test.ledger.queue_rows_of(distribution(), 2).await.unwrap();
    assert_eq!(first, [queue_row(0, 0, 0), queue_row(1, 0, 0)]);
    let rest = test.ledger.queue_rows_after(distribution(), Some(delivery(1)), 9).await.unwrap();
    assert_eq!(rest.len(), 3);
    let depths = test.ledger.queue_depths().await.unwrap();
    assert_eq!((depths.len(), depths[0].due, depths[0].rows), (1, 5, 5));
    assert_eq!(depths[0].oldest_due, Some(Timestamp::from_unix_micros(0)));

    let gone = QueueChange::Remove { delivery: delivery(2) };
    test.ledger.append(Unit { queue: vec![gone], ..Unit::new(metadata()) }).await.unwrap();
    assert_eq!(test.ledger.queue_row(delivery(2)).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_held_past_its_deadline_is_counted() {
    let test = TestLedger::start().await;
    let later = Timestamp::from_unix_micros(4_102_444_800_000_000); // the year 2100
    let put = |number, lane, at| {
        QueueChange::Put(QueueRow { lane, ..queue_row(number, 0, 0) }, Due::At(at))
    };
    let past = Timestamp::from_unix_micros(0);
    let queue = vec![put(0, 2, past), put(1, 2, past), put(2, 2, later), put(3, 1, past)];
    test.ledger.append(Unit { queue, ..Unit::new(metadata()) }).await.unwrap();
    assert_eq!(test.ledger.held_past_deadline().await.unwrap(), 2);
}

#[tokio::test]
async fn an_unfinished_plan_is_one_nodes_until_its_lease_ends() {
    let test = TestLedger::start().await;
    let row = PlanningRow { distribution: distribution(), tenant: tenant(), slice: 3, after: None };
    let put = PlanningChange::Put { row: row.clone(), lease_ms: 0 };
    test.ledger.append(Unit { planning: vec![put], ..Unit::new(metadata()) }).await.unwrap();

    assert_eq!(test.ledger.claim_planning(60_000).await.unwrap(), Some(row));
    assert_eq!(test.ledger.claim_planning(60_000).await.unwrap(), None);

    let done = PlanningChange::Remove { distribution: distribution() };
    test.ledger.append(Unit { planning: vec![done], ..Unit::new(metadata()) }).await.unwrap();
}

#[tokio::test]
async fn a_row_without_state_is_claimed_with_its_stream() {
    let test = TestLedger::start().await;
    let due = Due::At(Timestamp::from_unix_micros(0));
    let bare = QueueRow { state: String::new(), ..queue_row(1, 0, 2) };
    let queue =
        vec![QueueChange::Put(bare.clone(), due), QueueChange::Put(queue_row(2, 0, 1), due)];
    let appends = vec![started(1, 0, 1), in_doubt(1, 1, 1), started(2, 0, 1)];
    test.ledger.append(Unit { queue, ..unit(appends) }).await.unwrap();

    let mut seen = vec![];
    let wanted = request(9, 60_000);
    let claiming = test.ledger.claim(&wanted, |rows| {
        seen = rows;
        vec![]
    });
    claiming.await.unwrap();
    seen.sort_by_key(|claimed| claimed.row.delivery);
    let history: Vec<(i64, &str)> = seen[0]
        .history
        .iter()
        .map(|recorded| (recorded.sequence, recorded.event.event_type()))
        .collect();
    assert_eq!((&seen[0].row, history), (&bare, vec![(1, "AttemptStarted"), (2, "AttemptEnded")]));
    assert_eq!((&seen[1].row, seen[1].history.len()), (&queue_row(2, 0, 1), 0));
}
