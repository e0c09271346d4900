use followers::{
    FollowersError, Rate, RebuildOptions, RebuildReport, RebuildStatus, Stage, Then, rebuilds,
};
use schema::events::TenantEvent;
use schema::{Metadata, Position, StreamId, TenantId};
use sqlx::Executor;
use store::{Append, Unit};
use tokio_util::sync::CancellationToken;

use crate::support::{House, NAMES, PATIENCE, delivered};

/// Slow enough to be met half way: 250 events in a part.
const SLOWLY: RebuildOptions = RebuildOptions {
    then: Then::Compare,
    rate: Rate::Limited(5_000),
    reference: false,
    named_differences: 20,
};

async fn filled(versions: u32) -> House {
    let house = House::start().await;
    let node = house.node("n1").await;
    for version in 0..versions {
        let last = house.append(delivered(&format!("v{version}"), 300)).await;
        house.reached(&NAMES, last).await;
    }
    node.shut_down().await;
    house
}

async fn rebuild(house: &House, options: RebuildOptions) -> Result<RebuildReport, FollowersError> {
    let (rebuilder, stop) = (house.rebuilder(), CancellationToken::new());
    let mut reports = rebuilder.rebuild("deliveries", options, &mut |_| {}, &stop).await?;
    Ok(reports.remove(0))
}

/// The same once the database has noticed that an earlier one is gone.
async fn rebuild_when_free(house: &House, options: RebuildOptions) -> RebuildReport {
    let trying = async {
        loop {
            match rebuild(house, options).await {
                Err(FollowersError::AlreadyRebuilding { .. }) => tokio::task::yield_now().await,
                other => return other.unwrap(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.expect("a rebuild that is free")
}

async fn status(house: &House) -> Option<RebuildStatus> {
    let all = rebuilds(house.ledger()).await.unwrap();
    all.into_iter().find(|one| one.projection == "deliveries")
}

async fn parts(house: &House) -> i64 {
    let count = sqlx::query_scalar("select count(*) from rebuild_parts");
    count.fetch_one(house.ledger().pool()).await.unwrap()
}

/// Begins a rebuild and kills it once so many parts are done.
async fn killed_after(house: &House, done: i64) {
    let owner = house.rebuilder();
    let running = tokio::spawn(async move {
        let stop = CancellationToken::new();
        owner.rebuild("deliveries", SLOWLY, &mut |_| {}, &stop).await.map(drop)
    });
    let waiting = async {
        while parts(house).await < done && !running.is_finished() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("parts that get done");
    running.abort();
    drop(running.await);
}

#[tokio::test]
async fn one_that_was_killed_goes_on_where_it_was() {
    let house = filled(4).await;
    for done in [1, 3, 6] {
        killed_after(&house, done).await;
    }
    let before = parts(&house).await;
    assert!((6..14).contains(&before), "killed half way: {before} parts");
    let found = status(&house).await.unwrap();
    assert_eq!((found.stage, found.error), (Stage::Folding, None));

    let report = rebuild_when_free(&house, RebuildOptions::default()).await;

    assert!(report.resumed && report.is_equal() && !report.swapped, "{report:?}");
    assert_eq!(report.events, 3_600);
    let folding = report.stages.iter().find(|at| at.stage == Stage::Folding).unwrap();
    assert!(folding.events < 2_200, "what was done is not done again: {folding:?}");
    let done = status(&house).await.unwrap();
    assert_eq!((done.stage, done.applied, done.state().as_str()), (Stage::Equal, 3_600, "equal"));
}

#[tokio::test]
async fn what_was_begun_over_another_log_of_skips_is_begun_anew() {
    let house = filled(2).await;
    killed_after(&house, 2).await;
    let system: TenantId = "system".parse().unwrap();
    let skipped = TenantEvent::EventSkipped {
        follower: "deliveries".to_owned(),
        position: Position(1_000_000),
        reason: "another skip".to_owned(),
    };
    let mut unit = Unit::new(Metadata::new(system.clone(), schema::Actor::new("cli", "test")));
    let (stream, events) = (StreamId::tenant(&system), vec![skipped.into()]);
    unit.appends.push(Append { stream, expected: 0, events });
    house.ledger().append(unit).await.unwrap();

    let report = rebuild_when_free(&house, RebuildOptions::default()).await;
    assert!(!report.resumed && report.is_equal(), "{report:?}");
    assert_eq!(report.events, 1_800);
}

#[tokio::test]
async fn two_at_once_are_refused_and_progress_is_seen_from_outside() {
    let house = filled(3).await;
    let owner = house.rebuilder();
    let running = tokio::spawn(async move {
        let stop = CancellationToken::new();
        owner.rebuild("deliveries", SLOWLY, &mut |_| {}, &stop).await
    });
    let watching = async {
        loop {
            let found = status(&house).await;
            if let Some(found) = found.filter(|found| found.applied > 0) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, watching).await.expect("progress");
    assert!(seen.is_running && seen.stage == Stage::Folding, "{seen:?}");
    assert_eq!((seen.allowed_rate, seen.head >= seen.fold_through), (Some(5_000), true));

    let refused = rebuild(&house, SLOWLY).await.unwrap_err();
    assert!(matches!(refused, FollowersError::AlreadyRebuilding { .. }), "{refused}");
    let refused = house.rebuilder().drop_old("deliveries").await.unwrap_err();
    assert!(matches!(refused, FollowersError::AlreadyRebuilding { .. }), "{refused}");
    assert!(running.await.unwrap().unwrap()[0].is_equal());
}

#[tokio::test]
async fn a_full_disk_leaves_the_live_tables_alone_and_is_gone_on_after() {
    let house = filled(3).await;
    killed_after(&house, 2).await;
    // As Postgres says it: the test cannot fill a disk of its own.
    let full = "
        create function read_rebuild.full() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
        create trigger disk before insert on read_rebuild.deliveries
            for each row when (new.position > 1000) execute function read_rebuild.full()";
    let mut owner = house.test.owner().await;
    owner.execute(full).await.unwrap();

    let failed = loop {
        match rebuild(&house, SLOWLY).await {
            Err(FollowersError::AlreadyRebuilding { .. }) => tokio::task::yield_now().await,
            other => break other.unwrap_err(),
        }
    };

    assert!(failed.to_string().contains("No space left"), "{failed}");
    let found = status(&house).await.unwrap();
    assert_eq!(found.state(), "failed while folding");
    assert!(found.error.unwrap().contains("No space left"));
    let live: i64 = sqlx::query_scalar("select count(*) from read.deliveries")
        .fetch_one(house.ledger().pool())
        .await
        .unwrap();
    assert_eq!(live, 900);

    owner.execute("drop trigger disk on read_rebuild.deliveries").await.unwrap();
    let report = rebuild_when_free(&house, RebuildOptions::default()).await;
    assert!(report.resumed && report.is_equal(), "{report:?}");
    assert_eq!(status(&house).await.unwrap().error, None);
}

#[tokio::test]
async fn an_event_of_a_newer_program_stops_the_rebuild_and_is_named() {
    let house = filled(1).await;
    let odd = "
        insert into events
            (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
        select aggregate_type, aggregate_id, 4, 'DeliveryBeamed', '1', '{}', metadata
        from events where aggregate_type = 'delivery' and sequence = 1 order by position limit 1";
    house.test.app().await.execute(odd).await.unwrap();
    let head = house.ledger().head().await.unwrap();
    // As if the live follower had got past it: one of a newer program has.
    sqlx::query(
        "update checkpoints set position = $1, event_hash = null where name = 'deliveries'",
    )
    .bind(head.0)
    .execute(house.ledger().pool())
    .await
    .unwrap();

    let stopped = rebuild(&house, SLOWLY).await.unwrap_err();

    let told = stopped.to_string();
    assert!(
        matches!(stopped, FollowersError::Poison { position, .. } if position == head),
        "{told}"
    );
    assert!(told.contains(&format!("{head} (DeliveryBeamed)")), "{told}");
    let found = status(&house).await.unwrap();
    assert_eq!(
        (found.state().as_str(), found.poison_position),
        ("failed while folding", Some(head))
    );
    assert!(found.error.unwrap().contains(&format!("{head} (DeliveryBeamed)")));
    // Others are not concerned.
    let (rebuilder, stop) = (house.rebuilder(), CancellationToken::new());
    let others = rebuilder.rebuild("distributions", SLOWLY, &mut |_| {}, &stop).await.unwrap();
    assert!(others[0].is_equal());
}
