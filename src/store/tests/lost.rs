//! Connections that break at the worst moment, and a database that goes away.

use std::collections::BTreeSet;
use std::future::pending;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use sqlx::Executor;
use sqlx::postgres::PgConnectOptions;
use store::testing::TestLedger;
use store::{AppendError, Ledger, LedgerConfig, StoreError, Vault, VaultConfig, VaultError};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::{append_to, one, stream, tenant, unit};

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
    let mut waiting: Vec<_> =
        (0..50).map(|n| Box::pin(test.ledger.append(one(&format!("s{n}"), 0)))).collect();
    // Once looked at, each is in line.
    for append in &mut waiting {
        assert!(futures::poll!(append).is_pending());
    }

    let (answers, ()) = tokio::join!(join_all(waiting), test.ledger.close());

    let taken: Vec<i64> =
        answers.into_iter().map(|answer| answer.unwrap().position().unwrap().0).collect();
    let stored: Vec<i64> = sqlx::query_scalar("select position from events order by aggregate_id")
        .fetch_all(&mut test.owner().await)
        .await
        .unwrap();
    assert_eq!(taken.len(), 50);
    assert_eq!(BTreeSet::from_iter(stored), BTreeSet::from_iter(taken));
    let late = test.ledger.append(one("late", 0)).await;
    assert!(matches!(late, Err(AppendError::Store(StoreError::Closed))));
}

/// A TCP line on which, from some moment on, nothing arrives any more and nobody hangs up.
struct Line {
    address: SocketAddr,
    silence: CancellationToken,
}

impl Line {
    async fn to(far: (String, u16)) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, silence) = (listener.local_addr().unwrap(), CancellationToken::new());
        let silent = silence.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (far, silent) = (far.clone(), silent.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(far).await.unwrap();
                    tokio::select! {
                        ended = copy_bidirectional(&mut near, &mut far) => drop(ended),
                        () = silent.cancelled() => pending().await,
                    }
                });
            }
        });
        Self { address, silence }
    }

    /// The same URL by way of this line.
    fn url(&self, url: &SecretString) -> SecretString {
        let options: PgConnectOptions = url.expose_secret().parse().unwrap();
        let far = format!("{}:{}", options.get_host(), options.get_port());
        SecretString::from(url.expose_secret().replace(&far, &self.address.to_string()))
    }
}

#[tokio::test]
async fn a_server_that_is_gone_without_a_word_is_not_waited_for() {
    let test = TestLedger::start().await;
    let server: PgConnectOptions = test.app_url.expose_secret().parse().unwrap();
    let line = Line::to((server.get_host().to_owned(), server.get_port())).await;
    let config =
        LedgerConfig { statement_timeout_ms: 200, ..LedgerConfig::new(line.url(&test.app_url)) };
    let ledger = Ledger::connect(config).await.unwrap();
    let config = VaultConfig {
        statement_timeout_ms: 200,
        ..VaultConfig::new(line.url(&test.vault_url), test.master_key.clone())
    };
    let vault = Vault::connect(config).await.unwrap();
    test.ledger.append(one("a", 0)).await.unwrap();
    assert_eq!(ledger.load_stream(&stream("a"), 0).await.unwrap().len(), 1);

    line.silence.cancel();

    let began = Instant::now();
    let (events, secret) = (stream("a"), tenant());
    let (events, secret) =
        tokio::join!(ledger.load_stream(&events, 0), vault.secret(&secret, "token"));
    assert!(matches!(events, Err(StoreError::Unavailable(_))), "{events:?}");
    assert!(matches!(secret, Err(VaultError::Unavailable(_))), "no secret was asked for in vain");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn postgres_ends_what_reads_for_too_long() {
    let test = TestLedger::start_with(|config| config.statement_timeout_ms = 100).await;
    let slow = sqlx::query("select pg_sleep(20)").execute(test.ledger.pool()).await.unwrap_err();
    assert_eq!(slow.as_database_error().unwrap().code().unwrap(), "57014");
}
