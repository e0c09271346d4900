use schema::events::TenantEvent;
use schema::{Actor, LedgerEvent, Position, StreamId};
use sqlx::Executor;

use crate::support::{House, NAMES, delivered, register};
use followers::{FollowersError, skip};

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

    let actor = Actor::new("cli", "test");
    skip(house.ledger(), "recipients", bad, "a test's nonsense", actor).await.unwrap();

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
    let actor = || Actor::new("cli", "test");

    let other = Position(bad.0 + 1);
    let refused = skip(house.ledger(), "recipients", other, "no", actor()).await.unwrap_err();
    assert!(matches!(refused, FollowersError::NotPoisoned { .. }), "{refused}");
    let refused = skip(house.ledger(), "nobody", bad, "no", actor()).await.unwrap_err();
    assert!(refused.to_string().contains("known are deliveries, "), "{refused}");
    assert_eq!(house.status("recipients").await.poison.unwrap().position, bad);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_refused_with_both_hashes() {
    let house = House::start().await;
    let node = house.node("n1").await;
    let position = house.append(vec![register("ann")]).await;
    house.reached(&NAMES, position).await;
    node.shut_down().await;
    sqlx::query("update checkpoints set event_hash = decode(repeat('ab', 32), 'hex') where name = 'recipients'")
        .execute(house.ledger().pool())
        .await
        .unwrap();

    let _node = house.node("n2").await;
    let status = house.until("recipients", |status| status.poison.is_some()).await;
    let error = status.poison.unwrap().error;
    assert!(error.contains(&"ab".repeat(32)) && error.contains("not the one"), "{error}");
    let next = house.append(vec![register("bob")]).await;
    house.reached(&["deliveries"], next).await;
    assert_eq!(house.status("recipients").await.position, position);
}
