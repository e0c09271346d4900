//! Connections that break at the worst moment, and a database that goes away.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::Executor;
use store::testing::TestLedger;
use store::{AppendError, StoreError};

use crate::support::{append_to, one, unit};

const KILL: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
    where application_name = 'waybill-write' and datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_during_a_commit_loses_and_doubles_nothing() {
    let test = TestLedger::start().await;
    let mut root = test.superuser().await;
    let killer = tokio::spawn(async move {
        for _ in 0..40 {
            root.execute(KILL).await.unwrap();
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    });

    let clients = (0..64).map(|client| {
        let ledger = test.ledger.clone();
        async move {
            let name = format!("c{client}");
            for expected in 0..20 {
                let reason = format!("step {expected}");
                let appended = ledger
                    .append(unit(vec![append_to(&name, expected, &[&reason])]))
                    .await
                    .unwrap();
                assert_eq!(appended.events[0].sequence, expected + 1);
            }
        }
    });
    join_all(clients).await;
    killer.await.unwrap();

    let mut owner = test.owner().await;
    let (events, positions): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct position) from events")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!((events, positions), (64 * 20, 64 * 20));
}

#[tokio::test]
async fn a_database_that_is_away_is_said_in_bounded_time_and_found_again() {
    let test = TestLedger::start_with(|config| config.give_up_ms = 300).await;
    test.ledger.append(one("a", 0)).await.unwrap();
    let mut root = test.superuser().await;
    let close = format!("alter database {} connection limit 0", test.database);
    root.execute(close.as_str()).await.unwrap();
    root.execute(KILL).await.unwrap();

    let began = Instant::now();
    let refused = test.ledger.append(one("b", 0)).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());

    let open = format!("alter database {} connection limit -1", test.database);
    root.execute(open.as_str()).await.unwrap();
    let again = async {
        while let Err(error) = test.ledger.append(one("c", 0)).await {
            assert!(matches!(error, AppendError::Store(StoreError::Unavailable(_))), "{error}");
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let test = TestLedger::start().await;
    let waiting = (0..50).map(|n| {
        let (ledger, unit) = (test.ledger.clone(), one(&format!("s{n}"), 0));
        tokio::spawn(async move { ledger.append(unit).await })
    });
    let waiting: Vec<_> = waiting.collect();
    tokio::task::yield_now().await;
    test.ledger.close().await;
    for answer in waiting {
        match answer.await.unwrap() {
            Ok(_) | Err(AppendError::Store(StoreError::Closed)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let late = test.ledger.append(one("late", 0)).await;
    assert!(matches!(late, Err(AppendError::Store(StoreError::Closed))));
}
