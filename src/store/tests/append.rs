//! What appending promises.

use std::sync::{Arc, Mutex};

use schema::{AddressId, Position, RecipientId, Sha256};
use store::testing::TestLedger;
use store::{
    AddressChange, AppendError, CommandOutcome, CommandRecord, Ledger, LedgerConfig, StoreError,
    Unit,
};

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

    let refused =
        test.ledger.append(unit(vec![append_to("b", 0, &["x"]), append_to("a", 0, &["y"])]));

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

#[tokio::test]
async fn positions_rise_in_the_units_own_order() {
    let test = TestLedger::start().await;
    let streams = ["z", "a", "m"];
    let appends = streams.map(|name| append_to(name, 0, &["one", "two"])).to_vec();

    let appended = test.ledger.append(unit(appends)).await.unwrap();

    let order = |event: &schema::RecordedEvent| (event.position.0, event.stream.clone());
    let expected = ["z", "z", "a", "a", "m", "m"].map(stream);
    let expected: Vec<_> = (1..).zip(expected).collect();
    assert_eq!(appended.events.iter().map(order).collect::<Vec<_>>(), expected);
    let log = test.ledger.read(Position(0), Position(6), 100, None).await.unwrap();
    let log: Vec<_> = log.into_iter().map(|row| order(row.decoded().unwrap())).collect();
    assert_eq!(log, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_want_the_same_streams_in_opposite_orders_all_end() {
    let test = TestLedger::start().await;
    let other = Ledger::connect(LedgerConfig::new(test.app_url.clone())).await.unwrap();
    for round in 0..10 {
        let race = |ledger: Arc<Ledger>, first: &str, second: &str| {
            let appends =
                [first, second].map(|name| append_to(&format!("{name}{round}"), 0, &["x"]));
            async move { ledger.append(unit(appends.to_vec())).await }
        };
        let (here, there) =
            tokio::join!(race(test.ledger.clone(), "a", "b"), race(other.clone(), "b", "a"));
        let won = [&here, &there].into_iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "{here:?} {there:?}");
        let lost = if here.is_ok() { there } else { here };
        assert!(matches!(lost, Err(AppendError::Conflict { .. })), "{lost:?}");
    }
}

#[tokio::test]
async fn the_observer_is_told_before_the_caller_is_answered() {
    let test = TestLedger::start().await;
    let told = Arc::new(Mutex::new(vec![]));
    let listener = Arc::clone(&told);
    test.ledger
        .on_append(Arc::new(move |events| listener.lock().unwrap().extend_from_slice(events)));
    let appended = test.ledger.append(one("a", 0)).await.unwrap();
    assert_eq!(*told.lock().unwrap(), appended.events);
}

#[tokio::test]
async fn an_event_on_a_stream_of_another_kind_is_refused() {
    let test = TestLedger::start().await;
    let mut wrong = append_to("a", 0, &["x"]);
    wrong.stream.aggregate_type = schema::AggregateType::Report;
    let refused = test.ledger.append(unit(vec![wrong])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Invalid(_)))));
}

#[tokio::test]
async fn streams_are_loaded_together_and_addresses_found_by_their_tag() {
    let test = TestLedger::start().await;
    let appends = ["a", "b", "c"].map(|name| append_to(name, 0, &["x", "y"])).to_vec();
    let bob = RecipientId::try_new("bob").unwrap();
    let work = AddressId::try_new("work").unwrap();
    let (recipient, address) = (bob.clone(), work.clone());
    let put = AddressChange::Put { recipient, address, tag: "t1".into() };
    let with_address = Unit { addresses: vec![put], ..unit(appends) };
    test.ledger.append(with_address).await.unwrap();

    let ids = ["a".to_owned(), "c".to_owned(), "none".to_owned()];
    let kind = schema::AggregateType::Tenant;
    let streams = test.ledger.load_streams(kind, &ids).await.unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams["c"].len(), 2);
    let count = |count: &mut u32, _: &schema::RecordedEvent| *count += 1;
    assert_eq!(test.ledger.load(&stream("b"), count).await.unwrap(), (2, 2));

    let found = test.ledger.find_by_address(&tenant(), "t1").await.unwrap();
    assert_eq!(found, [(bob.clone(), work.clone())]);
    let shared = |tag: &str| {
        let (recipient, address, tag) = ("eve".parse().unwrap(), work.clone(), tag.to_owned());
        Unit {
            addresses: vec![AddressChange::Put { recipient, address, tag }],
            ..Unit::new(metadata())
        }
    };
    test.ledger.append(shared("t2")).await.unwrap();
    assert_eq!(test.ledger.same_address(&tenant(), &bob, &work, 9).await.unwrap(), []);
    test.ledger.append(shared("t1")).await.unwrap();
    let same = test.ledger.same_address(&tenant(), &bob, &work, 9).await.unwrap();
    assert_eq!(same, [("eve".parse().unwrap(), work.clone())]);
    let apex = "apex".parse().unwrap();
    assert_eq!(test.ledger.same_address(&apex, &bob, &work, 9).await.unwrap(), []);
    let remove = AddressChange::Remove { recipient: "eve".parse().unwrap(), address: work.clone() };
    let removal = Unit { addresses: vec![remove], ..Unit::new(metadata()) };
    test.ledger.append(removal).await.unwrap();

    let gone = AddressChange::Remove { recipient: bob, address: work };
    let removal = Unit { addresses: vec![gone], ..Unit::new(metadata()) };
    test.ledger.append(removal).await.unwrap();
    assert_eq!(test.ledger.find_by_address(&tenant(), "t1").await.unwrap(), []);
}
