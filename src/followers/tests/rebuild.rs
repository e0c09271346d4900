use followers::{FollowersError, RebuildOptions, RebuildReport, Then};
use schema::Position;
use sqlx::Executor;
use tokio_util::sync::CancellationToken;

use crate::support::{House, NAMES, delivered, distribution, register};

async fn rebuild(house: &House, name: &str, options: RebuildOptions) -> Vec<RebuildReport> {
    let stop = CancellationToken::new();
    house.rebuilder().rebuild(name, options, &mut |_| {}, &stop).await.unwrap()
}

#[tokio::test]
async fn a_rebuild_beside_a_live_follower_is_the_same_byte_for_byte() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let mut last = Position(0);
    for version in 0..10 {
        last = house.append(delivered(&format!("v{version}"), 100)).await;
    }
    house.reached(&NAMES, last).await;
    let appending = async {
        for version in 10..20 {
            last = house.append(delivered(&format!("v{version}"), 100)).await;
        }
    };
    let mut told = Vec::new();
    let stop = CancellationToken::new();
    let rebuilder = house.rebuilder();
    let mut tell = |progress| told.push(progress);
    let building = rebuilder.rebuild("all", RebuildOptions::default(), &mut tell, &stop);
    let (reports, ()) = tokio::join!(building, appending);
    for report in reports.unwrap() {
        assert!(report.is_equal() && !report.swapped, "{report:?}");
        assert_eq!(report.differences, Vec::<String>::new());
    }
    assert!(told.iter().any(|progress| progress.name == "deliveries" && progress.events >= 3_000));
    house.reached(&NAMES, last).await;
    node.shut_down().await;
}

#[tokio::test]
async fn a_corrupted_row_is_named_and_mended_while_the_follower_goes_on() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let last = house.append(delivered("v1", 3)).await;
    house.reached(&NAMES, last).await;
    let run = distribution("v1");
    let mut app = house.test.app().await;
    app.execute("update read.deliveries set node = 'forged', attempts = 9 where recipient = 'r1'")
        .await
        .unwrap();
    app.execute("delete from read.distribution_outcomes").await.unwrap();

    let looked = RebuildOptions { then: Then::Compare, ..RebuildOptions::default() };
    let report = rebuild(&house, "deliveries", looked).await.remove(0);
    assert!(!report.is_equal() && !report.swapped);
    assert_eq!(report.differences.len(), 2);
    assert!(report.differences[0].ends_with(": differs in attempts, node"), "{report:?}");
    let missing = format!("distribution_outcomes {run}/webhook/f: missing");
    assert_eq!(report.differences[1], missing);

    let report = rebuild(&house, "deliveries", RebuildOptions::default()).await.remove(0);
    assert!(report.swapped);
    let after = rebuild(&house, "deliveries", RebuildOptions::default()).await.remove(0);
    assert!(after.is_equal() && !after.swapped, "{after:?}");
    assert_eq!(after.live_digest, report.rebuilt_digest);

    let next = house.append(delivered("v2", 3)).await;
    house.reached(&NAMES, next).await;
    let after = rebuild(&house, "deliveries", RebuildOptions::default()).await.remove(0);
    assert!(after.is_equal(), "the live follower goes on in the new tables: {after:?}");
    let kept: i64 =
        sqlx::query_scalar("select count(*) from read_replaced.deliveries where node = 'forged'")
            .fetch_one(&mut house.test.owner().await)
            .await
            .unwrap();
    assert_eq!(kept, 1, "what was replaced is kept");
    node.shut_down().await;
}

#[tokio::test]
async fn a_follower_that_lost_a_row_stands_still_until_the_rebuild() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let first = house.append(vec![register("ann")]).await;
    house.reached(&NAMES, first).await;
    house.test.app().await.execute("delete from read.recipients").await.unwrap();
    let retired = schema::events::RecipientEvent::RecipientRetired { reason: "left".to_owned() };
    let (stream, _, _) = register("ann");
    let second = house.append(vec![(stream, 1, vec![retired.into()])]).await;

    let status = house.until("recipients", |status| status.poison.is_some()).await;
    assert_eq!(status.poison.unwrap().position, second);
    let report = rebuild(&house, "recipients", RebuildOptions::default()).await.remove(0);
    assert_eq!((report.position, report.swapped), (first, true));
    house.reached(&["recipients"], second).await;
    assert_eq!(house.until("recipients", |status| status.poison.is_none()).await.position, second);
    node.shut_down().await;
}

#[tokio::test]
async fn a_rebuild_of_what_there_is_not_names_what_there_is() {
    let house = House::start().await;
    let stop = CancellationToken::new();
    let options = RebuildOptions::default();
    let refused = house.rebuilder().rebuild("delivery", options, &mut |_| {}, &stop).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, FollowersError::Unknown { .. }));
    assert!(refused.to_string().contains("deliveries"), "{refused}");
}
