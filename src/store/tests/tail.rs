//! The tail sees every committed event once, in order, whatever writers do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema::Position;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use store::testing::TestLedger;
use store::{Blocked, Ledger, Replaced, Subscription, Tail, TailConfig, TailStep};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::one;

const INSERT: &str = "insert into events \
    (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
    values ($1, $2, 1, 'TenantCreated', '1', '{\"title\":\"x\"}', '{\"actor\":\"cli:1\",\"tenant\":\"acme\"}') \
    returning position";

async fn insert(connection: &mut PgConnection, id: &str) -> i64 {
    // Both partitions; what cannot be decoded is handed on like everything else.
    let kind = if id.len().is_multiple_of(2) { "tenant" } else { "delivery" };
    sqlx::query_scalar(INSERT).bind(kind).bind(id).fetch_one(connection).await.unwrap()
}

/// Follows the tail as a follower does, until it has reached `through`; every position, in the order of arrival.
async fn follow(
    ledger: Arc<Ledger>,
    mut places: Subscription,
    tail: Tail,
    from: i64,
    stop: watch::Receiver<i64>,
) -> Vec<i64> {
    let mut seen = vec![];
    let mut cursor = from;
    let mut stop = stop;
    loop {
        let through = *stop.borrow();
        if through > 0 && cursor >= through {
            return seen;
        }
        let step = tokio::select! {
            step = places.next() => step,
            _ = stop.changed() => continue,
        };
        let upto = match &step {
            TailStep::Batch(batch) => batch.through.0,
            TailStep::Lagged => tail.head().borrow().0,
            TailStep::Ended => return seen,
        };
        match step {
            TailStep::Batch(batch) if batch.after.0 <= cursor => {
                let rows = batch.rows.iter().map(|row| row.position.0);
                seen.extend(rows.filter(|position| *position > cursor));
                cursor = cursor.max(upto);
            }
            _ => {
                while cursor < upto {
                    let rows =
                        ledger.read(Position(cursor), Position(upto), 500, None).await.unwrap();
                    let Some(last) = rows.last() else { break };
                    cursor = last.position.0;
                    seen.extend(rows.iter().map(|row| row.position.0));
                }
            }
        }
    }
}

/// One writer's transactions, each ending in one of the ways there are. Returns what it committed.
async fn write(
    mut connection: PgConnection,
    writer: u64,
    seed: u64,
    transactions: u32,
) -> BTreeSet<i64> {
    let mut random = StdRng::seed_from_u64(seed ^ writer);
    let mut committed = BTreeSet::new();
    for number in 0..transactions {
        let id = |part: u32| format!("w{writer}-{number}-{part}");
        let pause = Duration::from_micros(random.random_range(0..3_000));
        match random.random_range(0..8) {
            0 => {
                let mut transaction = connection.begin().await.unwrap();
                insert(&mut transaction, &id(0)).await;
                tokio::time::sleep(pause).await;
                transaction.rollback().await.unwrap();
            }
            1 => {
                let mut transaction = connection.begin().await.unwrap();
                let mut savepoint = transaction.begin().await.unwrap();
                insert(&mut savepoint, &id(0)).await;
                savepoint.rollback().await.unwrap();
                tokio::time::sleep(pause).await;
                let mut savepoint = transaction.begin().await.unwrap();
                let position = insert(&mut savepoint, &id(1)).await;
                savepoint.commit().await.unwrap();
                transaction.commit().await.unwrap();
                committed.insert(position);
            }
            2 => {
                let name = format!("p{writer}_{number}_{seed}");
                connection.execute("begin").await.unwrap();
                let position = insert(&mut connection, &id(0)).await;
                connection.execute(format!("prepare transaction '{name}'").as_str()).await.unwrap();
                tokio::time::sleep(pause).await;
                let keep = random.random_bool(0.5);
                let end = if keep { "commit" } else { "rollback" };
                connection.execute(format!("{end} prepared '{name}'").as_str()).await.unwrap();
                committed.extend(keep.then_some(position));
            }
            3 => {
                let mut transaction = connection.begin().await.unwrap();
                for part in 0..20 {
                    committed.insert(insert(&mut transaction, &id(part)).await);
                }
                tokio::time::sleep(pause * 5).await;
                transaction.commit().await.unwrap();
            }
            _ => {
                let mut transaction = connection.begin().await.unwrap();
                let position = insert(&mut transaction, &id(0)).await;
                tokio::time::sleep(pause).await;
                transaction.commit().await.unwrap();
                committed.insert(position);
            }
        }
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_lose_nothing_and_double_nothing() {
    let test = TestLedger::start().await;
    let seed = rand::random();
    let stop = CancellationToken::new();
    // Few places and narrow windows: lagging and windows' ends are part of it.
    let config = TailConfig { window: 7, buffer: 4, ..TailConfig::default() };
    let tail = Tail::start(&test.ledger, config, stop.clone()).await.unwrap();
    let (reached, end) = watch::channel(0);
    let places = tail.subscribe();
    let mut head = tail.head();
    let follower = tokio::spawn(follow(test.ledger.clone(), places, tail, 0, end));

    let mut writers = tokio::task::JoinSet::new();
    // At most ten are prepared at a time: the server's bound.
    for writer in 0..10 {
        writers.spawn(write(test.app().await, writer, seed, 60));
    }
    let committed: BTreeSet<i64> = writers.join_all().await.into_iter().flatten().collect();

    let last = *committed.last().unwrap();
    let waiting = head.wait_for(|head| head.0 >= last);
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    reached.send(last).unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(20), follower).await.unwrap().unwrap();
    let expected: Vec<i64> = committed.into_iter().collect();
    assert_eq!(seen, expected, "seed {seed}");
}

/// Waits until the tail says who holds it up.
async fn blocked(tail: &Tail) -> Blocked {
    let mut blocked = tail.blocked();
    let waiting = blocked.wait_for(Option::is_some);
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().clone().unwrap()
}

async fn reaches(tail: &Tail, position: i64) {
    let mut head = tail.head();
    let waiting = head.wait_for(|head| head.0 >= position);
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_that_idles_after_reading_the_sequence_is_named() {
    let test = TestLedger::start().await;
    let stop = CancellationToken::new();
    let tail = Tail::start(&test.ledger, TailConfig::default(), stop).await.unwrap();
    let mut reader = test.app().await;
    let pid: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut reader).await.unwrap();
    reader.execute("begin; select last_value from pg_sequences").await.unwrap();

    let appended = test.ledger.append(one("a", 0)).await.unwrap();

    let named = blocked(&tail).await.holders;
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].contains(&format!("pid {pid}")), "{named:?}");
    assert!(named[0].contains("idle in transaction"), "{named:?}");
    let doctor = test.ledger.doctor().await.unwrap();
    assert!(doctor.holders.iter().any(|holder| holder.contains(&format!("pid {pid}"))));
    assert_eq!(tail.head().borrow().0, 0);
    reader.execute("rollback").await.unwrap();
    reaches(&tail, appended.position().unwrap().0).await;
    tail.blocked().wait_for(Option::is_none).await.unwrap();
}

#[tokio::test]
async fn a_prepared_transaction_is_waited_for_and_named() {
    let test = TestLedger::start().await;
    let stop = CancellationToken::new();
    let tail = Tail::start(&test.ledger, TailConfig::default(), stop).await.unwrap();
    let mut places = tail.subscribe();
    let mut writer = test.app().await;
    writer.execute("begin").await.unwrap();
    let early = insert(&mut writer, "early").await;
    let late = test.ledger.append(one("late", 0)).await.unwrap().position().unwrap().0;
    // The tail waits for a session, which then hands its transaction over.
    assert!(blocked(&tail).await.holders[0].contains("pid"));
    let name = test.database.clone();
    writer.execute(format!("prepare transaction '{name}'").as_str()).await.unwrap();
    let mut told = tail.blocked();
    let by_name = |blocked: &Option<Blocked>| {
        blocked.as_ref().is_some_and(|blocked| blocked.holders[0].contains(&name))
    };
    let waiting = told.wait_for(by_name);
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(tail.head().borrow().0, 0);

    writer.execute(format!("commit prepared '{name}'").as_str()).await.unwrap();

    reaches(&tail, late).await;
    let mut rows: Vec<i64> = Vec::new();
    while rows.len() < 2 {
        let TailStep::Batch(batch) = places.next().await else { panic!("no batch") };
        rows.extend(batch.rows.iter().map(|row| row.position.0));
    }
    assert_eq!(rows, [early, late]);
}

#[tokio::test]
async fn an_unrelated_long_transaction_holds_nothing_up() {
    let test = TestLedger::start().await;
    let stop = CancellationToken::new();
    let tail = Tail::start(&test.ledger, TailConfig::default(), stop.clone()).await.unwrap();
    let mut other = test.app().await;
    other.execute("begin; insert into checkpoints (name) values ('x')").await.unwrap();

    let appended = test.ledger.append(one("a", 0)).await.unwrap();

    reaches(&tail, appended.position().unwrap().0).await;
    assert_eq!(*tail.blocked().borrow(), None);
    other.execute("rollback").await.unwrap();
    stop.cancel();
    tail.stopped().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_a_value() {
    let test = TestLedger::start().await;
    let tail =
        Tail::start(&test.ledger, TailConfig::default(), CancellationToken::new()).await.unwrap();
    let mut places = tail.subscribe();
    let mut app = test.app().await;
    sqlx::query(&INSERT.replace("'1', '{", "'999', '{"))
        .bind("tenant")
        .bind("future")
        .execute(&mut app)
        .await
        .unwrap();
    let TailStep::Batch(batch) = places.next().await else { panic!("no batch") };
    let error = batch.rows[0].decoded().unwrap_err();
    assert_eq!(error, "tenant event TenantCreated version 999 is unknown to this program");
    assert_eq!(batch.rows[0].payload, "{\"title\":\"x\"}");
}

/// As a backup restored beneath us: without the events after `position`.
async fn fall_back(test: &TestLedger, position: i64) {
    let sql = format!(
        "begin; alter table events_rest disable trigger immutable; \
         delete from events_rest where position > {position}; \
         alter table events_rest enable trigger immutable; \
         select setval('events_position_seq', {position}); commit"
    );
    test.superuser().await.execute(sql.as_str()).await.unwrap();
}

async fn cut_tail(test: &TestLedger) {
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
        where application_name = 'waybill-tail' and datname = current_database()";
    test.superuser().await.execute(cut).await.unwrap();
}

#[tokio::test]
async fn a_log_that_lost_its_last_event_is_another_one() {
    // Restored under an open connection, or under one that is made anew.
    for cut in [false, true] {
        let test = TestLedger::start().await;
        test.ledger.append(one("a", 0)).await.unwrap();
        let stop = CancellationToken::new();
        let tail = Tail::start(&test.ledger, TailConfig::default(), stop).await.unwrap();
        let last = test.ledger.append(one("a", 1)).await.unwrap().position().unwrap();
        reaches(&tail, last.0).await;
        let event_hash = test.ledger.event_hash(last).await.unwrap().unwrap();

        fall_back(&test, 1).await;
        if cut {
            // Numbers are used again: the sequence alone would tell nothing.
            test.ledger.append(one("b", 0)).await.unwrap();
            cut_tail(&test).await;
        }

        let mut replaced = tail.replaced();
        let waiting = replaced.wait_for(Option::is_some);
        let found = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        assert_eq!(*found, Some(Replaced { position: last, event_hash }), "cut: {cut}");
    }
}

#[tokio::test]
async fn a_sequence_that_falls_back_to_the_last_event_is_the_same_log() {
    let test = TestLedger::start().await;
    let stop = CancellationToken::new();
    let tail = Tail::start(&test.ledger, TailConfig::default(), stop).await.unwrap();
    let last = test.ledger.append(one("a", 0)).await.unwrap().position().unwrap().0;
    reaches(&tail, last).await;
    // Numbers that nobody saw, as a crash takes them back.
    let mut app = test.app().await;
    app.execute("begin").await.unwrap();
    insert(&mut app, "unseen").await;
    app.execute("rollback").await.unwrap();
    fall_back(&test, last).await;
    cut_tail(&test).await;

    let next = test.ledger.append(one("a", 1)).await.unwrap().position().unwrap().0;

    reaches(&tail, next).await;
    assert_eq!((next, *tail.replaced().borrow()), (last + 1, None));
}
