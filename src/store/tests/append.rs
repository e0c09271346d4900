//! What appending promises.

use schema::{Position, Sha256};
use store::testing::TestLedger;
use store::{AppendError, CommandOutcome, CommandRecord, StoreError, Unit};

use crate::support::{append_to, metadata, one, stream, tenant, unit};

#[tokio::test]
async fn a_unit_is_read_back_as_it_was_appended() {
    let test = TestLedger::start().await;
    let appended =
        test.ledger.append(unit(vec![append_to("a", 0, &["one", "two"])])).await.unwrap();

    let read = test.ledger.load_stream(&stream("a"), 0).await.unwrap();

    assert_eq!(read, appended.events);
    assert_eq!(read.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(appended.position(), Some(Position(2)));
    assert_eq!(test.ledger.head().await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_stale_decision_is_a_conflict_that_names_the_stream() {
    let test = TestLedger::start().await;
    test.ledger.append(one("a", 0)).await.unwrap();

    let refused = test.ledger.append(unit(vec![append_to("b", 0, &["x"]), append_to("a", 0, &["y"])]));

    let Err(AppendError::Conflict { stream: named }) = refused.await else {
        panic!("no conflict");
    };
    assert_eq!(named, stream("a"));
    assert!(test.ledger.load_stream(&stream("b"), 0).await.unwrap().is_empty());
}

fn with_command(name: &str, id: &str) -> Unit {
    let body_sha256 = Sha256::of(b"body");
    let outcome = "{\"status\":201}".to_owned();
    let command = Some(CommandRecord { id: id.into(), body_sha256, outcome });
    Unit { command, ..one(name, 0) }
}

#[tokio::test]
async fn a_command_is_carried_out_once_and_its_outcome_kept() {
    let test = TestLedger::start().await;
    test.ledger.append(with_command("a", "key:1")).await.unwrap();

    let again = test.ledger.append(with_command("b", "key:1")).await;

    assert!(matches!(again, Err(AppendError::CommandSeen { id }) if id == "key:1"));
    assert!(test.ledger.load_stream(&stream("b"), 0).await.unwrap().is_empty());
    let command = |body: &'static [u8]| {
        let ledger = test.ledger.clone();
        async move { ledger.command(&tenant(), "key:1", &Sha256::of(body)).await.unwrap() }
    };
    let outcome = "{\"status\":201}".to_owned();
    assert_eq!(command(b"body").await, Some(CommandOutcome::Seen { outcome }));
    assert_eq!(command(b"other").await, Some(CommandOutcome::OtherBody));
    let unknown = test.ledger.command(&tenant(), "key:2", &Sha256::of(b"body")).await.unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn only_the_guilty_unit_of_a_batch_fails() {
    let test = TestLedger::start().await;
    test.ledger.append(one("s7", 0)).await.unwrap();
    let mut bad = with_command("bad", "x");
    // Postgres' text cannot hold NUL: refused by the server, not by `schema`, which sees events only.
    bad.command.as_mut().unwrap().outcome = "\0".into();

    let units = (0..200).map(|n| one(&format!("s{n}"), 0)).chain([bad]);
    let results = futures::future::join_all(units.map(|unit| test.ledger.append(unit))).await;

    for (n, result) in results.iter().enumerate() {
        match (n, result) {
            (7, Err(AppendError::Conflict { .. })) | (200, Err(AppendError::Rejected(_))) => {}
            (_, Ok(appended)) => assert_eq!(appended.events.len(), 1),
            (n, other) => panic!("unit {n}: {other:?}"),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 199);
}

#[tokio::test]
async fn a_text_with_nul_never_reaches_the_server() {
    let test = TestLedger::start().await;
    let refused = test.ledger.append(unit(vec![append_to("a", 0, &["nul: \0"])])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Codec(_)))));
}

#[tokio::test]
async fn a_unit_of_more_than_2000_events_is_refused() {
    let test = TestLedger::start().await;
    let reasons = vec!["x"; 2_001];
    let refused = test.ledger.append(unit(vec![append_to("a", 0, &reasons)])).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { count: 2_001 })));
    test.ledger.append(unit(vec![append_to("a", 0, &reasons[..2_000])])).await.unwrap();
}

#[tokio::test]
async fn a_unit_without_events_keeps_its_command() {
    let test = TestLedger::start().await;
    let empty = Unit { appends: vec![], ..with_command("a", "noop") };
    let appended = test.ledger.append(empty).await.unwrap();
    assert!(appended.events.is_empty());
    let outcome = test.ledger.command(&tenant(), "noop", &Sha256::of(b"body")).await.unwrap();
    assert!(matches!(outcome, Some(CommandOutcome::Seen { .. })));
    assert!(test.ledger.append(Unit::new(metadata())).await.unwrap().events.is_empty());
}
