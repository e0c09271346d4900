//! The queue against the log, and the log against its own past.

use std::time::Duration;

use schema::events::{DeliveryEvent, DistributionEvent, SliceSums};
use schema::{DistributionId, LedgerEvent, Position, RecordedEvent, StreamId, Timestamp};
use sqlx::Executor;
use store::testing::TestLedger;
use store::{Append, Due, Identity, QueueChange, QueueDifference, QueueRow, Unit};

use crate::support::{append_to, delivery, distribution, in_doubt, one, queue_row, started, unit};

/// When a row is due whose delivery is at its second attempt.
const WAITS_FOR: Timestamp = Timestamp::from_unix_micros(1_795_392_000_000_000);

/// A rule for tests: open until it ended in doubt; leased at its first attempt.
fn fold(events: &[RecordedEvent]) -> Option<(QueueRow, Due)> {
    let last = events.last()?;
    let number = uuid::Uuid::parse_str(&last.stream.aggregate_id).unwrap().as_u128() as u32;
    match &last.event {
        LedgerEvent::Delivery(DeliveryEvent::AttemptStarted { attempt, .. }) => {
            let due = match attempt {
                1 => Due::Leased { lease_ms: 60_000 },
                _ => Due::At(WAITS_FOR),
            };
            Some((queue_row(number, 0, last.sequence), due))
        }
        _ => None,
    }
}

/// 3,000 deliveries, every second one closed, as their units leave the queue.
async fn fill(test: &TestLedger) {
    for chunk in 0..3 {
        let mut all = unit(vec![]);
        for number in chunk * 1_000..(chunk + 1) * 1_000 {
            all.appends.push(started(number, 0, 1));
            if number % 2 == 0 {
                all.queue
                    .push(QueueChange::Put(queue_row(number, 0, 1), Due::Leased { lease_ms: 9 }));
            } else {
                all.appends.push(in_doubt(number, 1, 1));
            }
        }
        test.ledger.append(all).await.unwrap();
    }
}

#[tokio::test]
async fn the_queue_equals_the_fold_of_its_streams() {
    let test = TestLedger::start().await;
    fill(&test).await;
    let report = test.ledger.queue_check(fold).await.unwrap();
    assert_eq!((report.streams, report.open, report.differences), (3_000, 1_500, vec![]));
}

#[tokio::test]
async fn each_difference_is_named_and_mended() {
    let test = TestLedger::start().await;
    fill(&test).await;
    let wrong = queue_row(8, 1, 7);
    let surplus = queue_row(7, 0, 2);
    let none = queue_row(99_999, 0, 1);
    let due = Due::At(Timestamp::from_unix_micros(0));
    let mut changes = Unit::new(crate::support::metadata());
    changes.queue = [wrong, surplus, none].map(|row| QueueChange::Put(row, due)).to_vec();
    changes.queue.push(QueueChange::Remove { delivery: delivery(2_998) });
    test.ledger.append(changes).await.unwrap();

    let found = test.ledger.queue_rebuild(fold).await.unwrap().differences;

    let differs = |column, queue: &str, events: &str| QueueDifference::Differs {
        delivery: delivery(8),
        column,
        queue: queue.into(),
        events: events.into(),
    };
    let expected = [
        QueueDifference::Surplus { delivery: delivery(7) },
        differs("lane", "1", "0"),
        differs("sequence", "7", "1"),
        differs("state", "{\"sequence\":7}", "{\"sequence\":1}"),
        QueueDifference::Missing { delivery: delivery(2_998) },
        QueueDifference::Surplus { delivery: delivery(99_999) },
    ];
    assert_eq!(found, expected);
    assert_eq!(test.ledger.queue_check(fold).await.unwrap().differences, []);
}

#[tokio::test]
async fn a_row_that_comes_at_the_wrong_time_is_named() {
    let test = TestLedger::start().await;
    let mut all = unit(vec![]);
    for (number, attempt) in [(1, 2), (2, 2), (3, 2), (4, 2), (5, 1), (6, 1)] {
        all.appends.push(started(number, 0, attempt));
        let due = if attempt == 1 { Due::Leased { lease_ms: 60_000 } } else { Due::At(WAITS_FOR) };
        all.queue.push(QueueChange::Put(queue_row(number, 0, 1), due));
    }
    test.ledger.append(all).await.unwrap();
    assert_eq!(test.ledger.queue_check(fold).await.unwrap().differences, []);

    let mut app = test.app().await;
    for (number, due) in [
        (2, "now() + interval '4 s'"),
        (3, "'2099-01-01'"),
        (4, "due_at - interval '1 s'"),
        (6, "'2099-01-01'"),
    ] {
        let delivery = delivery(number);
        let sql = format!("update delivery_queue set due_at = {due} where delivery = '{delivery}'");
        app.execute(sql.as_str()).await.unwrap();
    }

    let found = test.ledger.queue_rebuild(fold).await.unwrap().differences;

    let named: Vec<_> = found
        .iter()
        .map(|difference| match difference {
            QueueDifference::Differs { delivery, column, queue, .. } => {
                (*delivery, *column, &queue[..4])
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [(3, "2099"), (4, "2026"), (6, "2099")]
        .map(|(number, year)| (delivery(number), "due_at", year));
    assert_eq!(named, expected);
    assert_eq!(test.ledger.queue_check(fold).await.unwrap().differences, []);
}

#[tokio::test]
async fn what_routing_is_folded_from_is_found_by_an_index_of_its_own() {
    let test = TestLedger::start().await;
    let of = |id: DistributionId, sequence: i64, event: DistributionEvent| Append {
        stream: StreamId::distribution(id),
        expected: sequence - 1,
        events: vec![event.into()],
    };
    let planned = || DistributionEvent::SlicePlanned {
        slice: 0,
        after: None,
        through: None,
        read_at: Position(1),
        sums: SliceSums { considered: 0, planned: 0, not_planned: Default::default() },
        decisions: vec![],
    };
    let withdrawn = DistributionEvent::VersionWithdrawn { reason: "wrong".to_owned() };
    let appends = vec![
        append_to("a", 0, &["maintenance"]),
        of(distribution(), 1, planned()),
        started(1, 0, 1),
        of(distribution(), 2, withdrawn),
        append_to("b", 0, &["maintenance"]),
    ];
    let end = test.ledger.append(unit(appends)).await.unwrap().position().unwrap();

    let read = test.ledger.read_routing(Position(0), end, 10).await.unwrap();
    let names: Vec<&str> = read.iter().map(|row| row.event_type.as_str()).collect();
    assert_eq!(names, ["DispatchPaused", "VersionWithdrawn", "DispatchPaused"]);
    let part = test.ledger.read_routing(read[0].position, end, 1).await.unwrap();
    assert_eq!(part[0].position, read[1].position);

    // A log that is long: no plan may read through it.
    let grow = "insert into events \
            (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
        select 'distribution', 'long', g, 'SlicePlanned', '1', '{}', '{\"tenant\":\"acme\"}' \
        from generate_series(1, 20000) g";
    test.app().await.execute(grow).await.unwrap();
    let reading = test.ledger.read_routing(Position(0), Position(i64::MAX), 10).await.unwrap();
    assert_eq!(reading.len(), 3);
    let mut root = test.superuser().await;
    let fetched = "select idx_scan > 0 and idx_tup_read < 100 from pg_stat_user_indexes \
        where indexrelname = 'events_rest_routing'";
    let looking = async {
        while !sqlx::query_scalar::<_, bool>(fetched).fetch_one(&mut root).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.unwrap();
}

#[tokio::test]
async fn a_restored_backup_is_recognised_even_after_new_events() {
    let (test, restored) = (TestLedger::start().await, TestLedger::start().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity.json");
    let now = Timestamp::from_unix_micros(1);
    assert_eq!(test.ledger.verify_identity(&file).await.unwrap(), Identity::Unknown);
    test.ledger.write_identity(&file, now).await.unwrap();
    assert_eq!(test.ledger.verify_identity(&file).await.unwrap(), Identity::Unknown);

    // What the backup held is the same in both.
    for ledger in [&test.ledger, &restored.ledger] {
        ledger.append(one("a", 0)).await.unwrap();
        ledger.append(one("a", 1)).await.unwrap();
    }
    test.ledger.write_identity(&file, now).await.unwrap();
    assert_eq!(restored.ledger.verify_identity(&file).await.unwrap(), Identity::Same);
    test.ledger.append(one("a", 2)).await.unwrap();
    test.ledger.write_identity(&file, now).await.unwrap();
    assert_eq!(test.ledger.verify_identity(&file).await.unwrap(), Identity::Same);

    let identity = restored.ledger.verify_identity(&file).await.unwrap();
    let Identity::RestoredBackup { stored, found, head } = identity else { panic!("{identity:?}") };
    assert_eq!((stored.position.0, found, head.0), (3, None, 2));

    let before = std::fs::read(&file).unwrap();
    let written = restored.ledger.write_identity(&file, now).await.unwrap();
    assert!(matches!(written, Identity::RestoredBackup { .. }), "{written:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before, "what was known is kept");

    let other = unit(vec![append_to("a", 2, &["something else"])]);
    restored.ledger.append(other).await.unwrap();
    let identity = restored.ledger.verify_identity(&file).await.unwrap();
    let Identity::RestoredBackup { found, head, .. } = identity else { panic!("{identity:?}") };
    assert!(found.is_some());
    assert_eq!(head.0, 3);
    std::fs::write(&file, "{").unwrap();
    assert!(test.ledger.verify_identity(&file).await.is_err());
}

#[tokio::test]
async fn doctor_tells_tables_and_followers() {
    let test = TestLedger::start().await;
    let mut app = test.app().await;
    app.execute(
        "insert into checkpoints (name, position, epoch, node) values ('mirror', 7, 2, 'n1')",
    )
    .await
    .unwrap();
    let facts = test.ledger.doctor().await.unwrap();
    assert_eq!(facts.checkpoints[0].name, "mirror");
    assert_eq!(facts.checkpoints[0].position.0, 7);
    assert!(facts.tables.iter().any(|table| table.table == "events_delivery"));
    assert!(facts.server.starts_with(char::is_numeric));
    assert_ne!(test.ledger.system_identifier().await.unwrap(), 0);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let test = TestLedger::start().await;
    let installation = test.ledger.installation().await.unwrap();
    store::migrate(&test.owner_url, &test.vault_url).await.unwrap();
    assert_eq!(test.ledger.installation().await.unwrap(), installation);
}
