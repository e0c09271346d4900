use schema::events::TenantEvent;
use schema::{LedgerEvent, Position, StreamId};
use sqlx::Executor;

use crate::support::{House, NAMES, delivered, register};
use followers::FollowersError;

/// An event of a recipient that no program knows.
const NONSENSE: &str = r#"
    insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
    values ('recipient', 'acme/odd', 1, 'RecipientTeleported', '1', '{}',
            '{"actor":"key:k1","tenant":"acme"}')"#;

async fn poisoned(house: &House) -> Position {
    house.test.app().await.execute(NONSENSE).await.unwrap();
    house.until("recipients", |status| status.poison.is_some()).await.poison.unwrap().position
}

#[tokio::test]
async fn an_event_nobody_can_read_stops_its_followers_alone() {
    let house = House::start().await;
    let _node = house.node("n1").await;
    let before = house.append(vec![register("ann")]).await;
    let bad = poisoned(&house).await;
    let after = house.append(delivered("v1", 2)).await;

    let others: Vec<&str> = NAMES.into_iter().filter(|name| *name != "recipients").collect();
    house.reached(&others, after).await;
    let status = house.status("recipients").await;
    assert_eq!(status.position, before);
    let poison = status.poison.unwrap();
    assert_eq!(poison.position, bad);
    assert!(poison.error.contains("RecipientTeleported of recipient:acme/odd"), "{}", poison.error);
    let pool = house.ledger().pool();
    let rows: i64 =
        sqlx::query_scalar("select count(*) from read.deliveries").fetch_one(pool).await.unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_skip_is_an_event_and_the_follower_goes_on() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let bad = poisoned(&house).await;
    let last = house.append(vec![register("bob")]).await;

    house.skip("recipients", bad, "a test's nonsense").await.unwrap();

    house.reached(&["recipients"], last).await;
    assert_eq!(house.status("recipients").await.poison, None);
    let system = StreamId::tenant(&"system".parse().unwrap());
    let told = house.ledger().load_stream(&system, 0).await.unwrap();
    let expected = TenantEvent::EventSkipped {
        follower: "recipients".to_owned(),
        position: bad,
        reason: "a test's nonsense".to_owned(),
    };
    assert_eq!(told[0].event, LedgerEvent::Tenant(expected));
    node.shut_down().await;

    let stop = tokio_util::sync::CancellationToken::new();
    let rebuilt = house
        .rebuilder()
        .rebuild("recipients", followers::RebuildOptions::default(), &mut |_| {}, &stop)
        .await
        .unwrap();
    assert!(rebuilt[0].is_equal(), "a rebuild leaves out what was skipped: {rebuilt:?}");
}

#[tokio::test]
async fn only_the_event_a_follower_stands_at_can_be_skipped() {
    let house = House::start().await;
    let _node = house.node("n1").await;
    let bad = poisoned(&house).await;

    let other = Position(bad.0 + 1);
    let refused = house.skip("recipients", other, "no").await.unwrap_err();
    assert!(matches!(refused, FollowersError::NotPoisoned { .. }), "{refused}");
    let refused = house.skip("nobody", bad, "no").await.unwrap_err();
    assert!(refused.to_string().contains("known are deliveries, "), "{refused}");
    assert_eq!(house.status("recipients").await.poison.unwrap().position, bad);
    let system = StreamId::tenant(&"system".parse().unwrap());
    assert_eq!(house.ledger().load_stream(&system, 0).await.unwrap(), [], "nothing was decided");
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_refused_with_both_hashes() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let position = house.append(vec![register("ann")]).await;
    house.reached(&NAMES, position).await;
    node.shut_down().await;
    forge(&house, position).await;

    let _node = house.node("n2").await;
    let status = house.until("recipients", |status| status.poison.is_some()).await;
    let poison = status.poison.unwrap();
    let error = poison.error;
    assert!(error.contains(&"ab".repeat(32)) && error.contains("not the one"), "{error}");
    assert!(poison.is_other_log && !error.contains("recover"), "{error}");
    let next = house.append(vec![register("bob")]).await;
    house.reached(&["deliveries"], next).await;
    assert_eq!(house.status("recipients").await.position, position);
}

/// Makes the checkpoint one of a log that held another event there.
async fn forge(house: &House, position: Position) {
    sqlx::query(
        "update checkpoints set position = $1, event_hash = decode(repeat('ab', 32), 'hex') \
         where name = 'recipients'",
    )
    .bind(position.0)
    .execute(house.ledger().pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn a_follower_of_another_log_is_mended_by_a_rebuild_and_never_by_a_skip() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let here = house.append(vec![register("ann")]).await;
    house.reached(&NAMES, here).await;
    node.shut_down().await;
    // At an event that is another here, and beyond the end of this log.
    for (forged, recipient) in [(here, "bob"), (Position(1_000), "eve")] {
        forge(&house, forged).await;
        let node = house.node("n2").await;
        house.until("recipients", |status| status.poison.is_some()).await;

        let refused = house.skip("recipients", forged, "no").await.unwrap_err();
        assert!(matches!(refused, FollowersError::NothingToSkip { .. }), "{refused}");
        let stop = tokio_util::sync::CancellationToken::new();
        let options = followers::RebuildOptions::default();
        let built =
            house.rebuilder().rebuild("recipients", options, &mut |_| {}, &stop).await.unwrap();
        assert!(built[0].position < Position(1_000), "{built:?}");

        let next = house.append(vec![register(recipient)]).await;
        house.reached(&["recipients"], next).await;
        assert_eq!(house.status("recipients").await.poison, None);
        let known: Vec<String> =
            sqlx::query_scalar("select recipient from read.recipients order by 1")
                .fetch_all(house.ledger().pool())
                .await
                .unwrap();
        assert_eq!(known.last().map(String::as_str), Some(recipient), "{known:?}");
        node.shut_down().await;
    }
}
