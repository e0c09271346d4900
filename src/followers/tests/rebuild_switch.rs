use followers::{FollowersError, RebuildOptions, Stage, Then};
use schema::Position;
use sqlx::Executor;
use tokio_util::sync::CancellationToken;

use crate::support::{House, NAMES, delivered};

async fn attempts(house: &House) -> (i64, i64) {
    sqlx::query_as("select count(*), sum(attempts)::bigint from read.deliveries")
        .fetch_one(house.ledger().pool())
        .await
        .unwrap()
}

/// Rebuilds beside a live follower and leaves it ready.
async fn held(house: &House) -> Position {
    let options = RebuildOptions { then: Then::Hold, reference: true, ..RebuildOptions::default() };
    let stop = CancellationToken::new();
    let rebuilder = house.rebuilder();
    let report =
        rebuilder.rebuild("deliveries", options, &mut |_| {}, &stop).await.unwrap().remove(0);
    assert!(!report.swapped);
    let reference = report.reference.unwrap();
    assert_eq!(reference.digest, reference.rebuilt_digest, "sharded or event by event, the same");
    report.position
}

async fn indexes(house: &House, schema: &str) -> Vec<(String, String)> {
    sqlx::query_as(
        "select indexname::text, replace(indexdef, schemaname || '.', '') from pg_indexes
         where schemaname = $1 order by 1",
    )
    .bind(schema)
    .fetch_all(&mut house.test.owner().await)
    .await
    .unwrap()
}

async fn options(house: &House) -> Vec<(String, Vec<String>)> {
    sqlx::query_as(
        "select relname::text, reloptions from pg_class
         where relnamespace = 'read'::regnamespace and reloptions is not null order by 1",
    )
    .fetch_all(&mut house.test.owner().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn what_is_ready_is_switched_to_and_back_while_the_follower_goes_on() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let first = house.append(delivered("v1", 100)).await;
    house.reached(&NAMES, first).await;
    let (stop, rebuilder) = (CancellationToken::new(), house.rebuilder());
    let refused = rebuilder.switch("deliveries", &stop).await.unwrap_err();
    assert!(refused.to_string().contains("never begun"), "{refused}");
    // The fold of another program, as it were.
    house.test.app().await.execute("update read.deliveries set attempts = 7").await.unwrap();
    let before = (indexes(&house, "read").await, options(&house).await);
    held(&house).await;
    assert_eq!(attempts(&house).await, (100, 700), "held is not live");

    let second = house.append(delivered("v2", 10)).await;
    house.reached(&NAMES, second).await;
    let switched = rebuilder.switch("deliveries", &stop).await.unwrap();
    assert_eq!((switched.stage, switched.position), (Stage::Switched, second));
    assert_eq!(attempts(&house).await, (110, 110));
    let after = (indexes(&house, "read").await, options(&house).await);
    assert_eq!(after, before, "the same indexes under the same names, and the same options");
    let third = house.append(delivered("v3", 5)).await;
    house.reached(&NAMES, third).await;
    assert_eq!(attempts(&house).await, (115, 115), "the follower goes on in the new tables");

    let back = rebuilder.roll_back("deliveries").await.unwrap();
    assert_eq!(back.stage, Stage::RolledBack);
    assert_eq!(back.kept.unwrap().position, third);
    house.reached(&NAMES, third).await;
    assert_eq!(attempts(&house).await, (115, 715), "the old ones catch up from where they were");

    let forth = rebuilder.roll_back("deliveries").await.unwrap();
    assert_eq!(forth.stage, Stage::Switched);
    assert_eq!(attempts(&house).await, (115, 115));

    let dropped = rebuilder.drop_old("deliveries").await.unwrap();
    assert_eq!(dropped.kept, None);
    assert_eq!(indexes(&house, "read_replaced").await, []);
    let refused = rebuilder.roll_back("deliveries").await.unwrap_err();
    assert!(matches!(refused, FollowersError::NothingKept { .. }), "{refused}");
    let last = house.append(delivered("v4", 5)).await;
    house.reached(&NAMES, last).await;
    assert_eq!(attempts(&house).await, (120, 120));
    node.shut_down().await;
}

#[tokio::test]
async fn a_reader_in_the_way_of_a_switch_is_waited_for() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let first = house.append(delivered("v1", 10)).await;
    house.reached(&NAMES, first).await;
    held(&house).await;
    let mut reader = house.test.app().await;
    reader.execute("begin; select count(*) from read.deliveries").await.unwrap();
    let (stop, rebuilder) = (CancellationToken::new(), house.rebuilder());
    let switching = rebuilder.switch("deliveries", &stop);
    let reading = async {
        // Deliveries go on meanwhile, and so does the follower between the attempts.
        let next = house.append(delivered("v2", 10)).await;
        house.reached(&NAMES, next).await;
        reader.execute("commit").await.unwrap();
        next
    };
    let (switched, next) = tokio::join!(switching, reading);
    assert!(switched.unwrap().position >= first);
    house.reached(&NAMES, next).await;
    assert_eq!(attempts(&house).await, (20, 20));
    node.shut_down().await;
}
