use schema::{Position, ToldEvent};
use store::testing::TestLedger;
use store::{Ledger, LogRow, ReturnError, Returning, Told};

use crate::support::{append_to, one, unit};

/// An event as the mirror tells it.
fn told(row: &LogRow) -> Told {
    let event = ToldEvent {
        source: "urn:uuid:x".to_owned(),
        position: row.position,
        recorded_at: row.recorded_at,
        aggregate_type: row.aggregate_type.clone(),
        aggregate_id: row.aggregate_id.clone(),
        sequence: row.sequence,
        event_type: row.event_type.clone(),
        event_version: row.event_version.clone(),
        metadata: row.metadata.clone(),
    };
    (event, row.payload.clone())
}

fn as_stored(rows: &[LogRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{:?} {}", row.stored(), row.payload)).collect()
}

async fn log(ledger: &Ledger) -> Vec<LogRow> {
    let head = ledger.head().await.unwrap();
    ledger.read(Position::START, head, 10_000, None).await.unwrap()
}

/// Two ledgers: one that went on, and one that holds the first three of its events.
async fn whole_and_backup() -> (TestLedger, TestLedger, Vec<LogRow>) {
    let (whole, backup) = (TestLedger::start().await, TestLedger::start().await);
    let first = unit(vec![append_to("acme", 0, &["a", "b"]), append_to("apex", 0, &["c"])]);
    whole.ledger.append(first).await.unwrap();
    let rows = log(&whole.ledger).await;
    put_back(&backup, &rows, Position::START).await.unwrap();
    for (name, expected) in [("acme", 2), ("acme", 3), ("apex", 1), ("new", 0)] {
        whole.ledger.append(one(name, expected)).await.unwrap();
    }
    let rows = log(&whole.ledger).await;
    (whole, backup, rows)
}

async fn put_back(test: &TestLedger, rows: &[LogRow], head: Position) -> Result<u64, ReturnError> {
    let mut returning = Returning::begin(&test.owner_url, head).await?;
    // As a consumer of several partitions reads them: in no order.
    let mut told: Vec<_> = rows.iter().map(told).collect();
    told.reverse();
    for portion in told.chunks(2) {
        returning.take(portion).await?;
    }
    returning.finish(rows.last().map_or(head, |row| row.position)).await
}

#[tokio::test]
async fn events_come_back_byte_for_byte_and_the_log_goes_on_behind_them() {
    let (_whole, backup, rows) = whole_and_backup().await;
    let head = backup.ledger.head().await.unwrap();
    let lacking: Vec<_> = rows.iter().filter(|row| row.position > head).cloned().collect();
    assert_eq!(put_back(&backup, &lacking, head).await.unwrap(), 4);
    assert_eq!(as_stored(&log(&backup.ledger).await), as_stored(&rows));
    let next = backup.ledger.append(one("new", 1)).await.unwrap().position().unwrap();
    assert!(next > rows.last().unwrap().position);
}

#[tokio::test]
async fn a_stream_with_a_hole_is_refused_and_nothing_is_kept() {
    let (_whole, backup, rows) = whole_and_backup().await;
    let before = as_stored(&log(&backup.ledger).await);
    let head = backup.ledger.head().await.unwrap();
    let mut lacking: Vec<_> = rows.iter().filter(|row| row.position > head).cloned().collect();
    let gone = lacking.remove(0);
    let refused = put_back(&backup, &lacking, head).await.unwrap_err();
    let ReturnError::Gap { position, stream, sequence } = &refused else { panic!("{refused}") };
    assert_eq!((*position, stream.as_str()), (lacking[0].position, "tenant:acme"));
    assert_eq!(*sequence, gone.sequence + 1);
    assert_eq!(as_stored(&log(&backup.ledger).await), before);
}

#[tokio::test]
async fn a_log_that_someone_writes_to_is_left_alone() {
    let (_whole, backup, rows) = whole_and_backup().await;
    let head = backup.ledger.head().await.unwrap();
    backup.ledger.append(one("other", 0)).await.unwrap();
    let refused = put_back(&backup, &rows[3..], head).await.unwrap_err();
    assert!(matches!(refused, ReturnError::Moved { expected, .. } if expected == head));
}

#[tokio::test]
async fn the_same_position_twice_is_refused() {
    let (_whole, backup, rows) = whole_and_backup().await;
    let head = backup.ledger.head().await.unwrap();
    let mut twice = rows[3..].to_vec();
    twice.push(rows[3].clone());
    let refused = put_back(&backup, &twice, head).await.unwrap_err();
    assert!(matches!(refused, ReturnError::Store(_)), "{refused}");
}
