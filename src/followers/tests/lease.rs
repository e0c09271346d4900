use crate::support::{House, NAMES, delivered, register};
use followers::RebuildOptions;
use tokio_util::sync::CancellationToken;

/// Deliveries counted by distribution are sums: an event applied twice or not at all shows.
async fn scheduled(house: &House) -> i64 {
    sqlx::query_scalar("select coalesce(sum(scheduled), 0)::bigint from read.distribution_outcomes")
        .fetch_one(house.ledger().pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_appended_is_read_soon_after() {
    let house = House::start().await;
    let before = house.append(delivered("v0", 3)).await;
    let node = house.node("n1").await;
    house.reached(&NAMES, before).await;
    let position = house.append(delivered("v1", 5)).await;
    house.reached(&NAMES, position).await;
    assert_eq!(scheduled(&house).await, 8);
    let status = house.status("deliveries").await;
    assert_eq!((status.position, status.lag, status.is_running), (position, 0, true));
    assert_eq!(status.events_applied, 24);
    node.shut_down().await;
    assert!(!house.status("deliveries").await.is_running);
}

#[tokio::test]
async fn another_node_takes_over_from_one_that_was_killed() {
    let house = House::start().await;
    let first = house.node("n1").await;
    let one = house.append(delivered("v1", 50)).await;
    house.reached(&NAMES, one).await;
    let second = house.node("n2").await;
    assert_eq!(house.status("deliveries").await.node.as_deref(), Some("n1"));

    first.kill().await;
    let two = house.append(delivered("v2", 50)).await;
    house.reached(&NAMES, two).await;
    assert_eq!(house.status("deliveries").await.node.as_deref(), Some("n2"));
    assert_eq!(scheduled(&house).await, 100);
    second.shut_down().await;
}

#[tokio::test]
async fn a_runner_that_lost_its_lease_writes_nothing() {
    let house = House::start().await;
    let _node = house.node("n1").await;
    let one = house.append(delivered("v1", 1)).await;
    house.reached(&NAMES, one).await;
    // Someone else has it for a while: as if this node had been stopped and woken again.
    sqlx::query(
        "update checkpoints set epoch = epoch + 1, node = 'other', lease_until = now() + interval '2 seconds'",
    )
    .execute(house.ledger().pool())
    .await
    .unwrap();
    let two = house.append(vec![register("ann")]).await;

    let taken_back = |status: &followers::FollowerStatus| {
        let ours = status.node.as_deref() == Some("n1");
        assert!(ours || status.position < two, "written without a lease: {status:?}");
        ours
    };
    let status = house.until("recipients", taken_back).await;
    assert!(status.epoch >= 3, "taken back by acquiring anew, not by writing on: {status:?}");
    house.reached(&NAMES, two).await;
}

#[tokio::test]
async fn two_nodes_killed_in_turns_lose_and_repeat_nothing() {
    let house = House::start().await;
    let mut node = house.node("n0").await;
    let mut last = house.append(delivered("v0", 200)).await;
    for turn in 1..6 {
        let next = house.node(&format!("n{turn}")).await;
        last = house.append(delivered(&format!("v{turn}"), 200)).await;
        // Killed in the middle of it: some have taken the batch, some not yet.
        house.reached(&["distributions"], last).await;
        node.kill().await;
        node = next;
    }
    house.reached(&NAMES, last).await;
    assert_eq!(scheduled(&house).await, 1_200);
    node.shut_down().await;
    let stop = CancellationToken::new();
    let options = RebuildOptions::default();
    let reports = house.rebuilder().rebuild("all", options, &mut |_| {}, &stop).await.unwrap();
    assert_eq!(reports.len(), NAMES.len());
    for report in reports {
        assert!(report.is_equal(), "{report:?}");
    }
}
