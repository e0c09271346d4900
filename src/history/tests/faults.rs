//! What a log may hold that nobody wished for, and a log longer than what is read at once.

use schema::events::SubscriptionEvent;
use schema::{Position, StreamId, Timestamp};

use crate::history::{Answer, AsOf, HistoryError, Replay, Subject, Subscribed};
use crate::story::{ended, paused};
use crate::world::{World, acme, body};

const INSERT: &str = "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
    payload, metadata, recorded_at) values ('subscription', $1, $2, $3, '1', $4::json, \
    '{\"actor\":\"key:k1\",\"tenant\":\"acme\"}', $5) returning position";

async fn insert(world: &World, name: &str, sequence: i64, event_type: &str, at: i64) -> Position {
    let payload = format!("{{\"version\":{sequence},\"reason\":\"why\"}}");
    let row = sqlx::query_scalar(INSERT).bind(name).bind(sequence).bind(event_type).bind(payload);
    let at = Timestamp::from_unix_micros(at * 1_000_000).to_chrono();
    let position = row.bind(at).fetch_one(&mut world.test.owner().await).await;
    Position(position.unwrap())
}

#[tokio::test]
async fn an_event_newer_than_this_program_is_named_and_what_lies_before_it_is_answered() {
    let mut world = World::new().await;
    let stream = StreamId::subscription(&acme(), &"ada-risk".parse().unwrap());
    let body = body("ada", "risk");
    let begun = world.tell(&stream, vec![SubscriptionEvent::Subscribed { version: 1, body }]).await;
    let begun = begun[0].position;
    let newer = insert(&world, "acme/ada-risk", 2, "SubscriptionBlessed", 4_000_000_000).await;
    let ledger = &world.test.ledger;
    let before = Answer::of(ledger, &acme(), &stream, world.moment(begun).await).await.unwrap();
    assert_eq!(before.state["active"]["version"], 1);
    let told = Answer::of(ledger, &acme(), &stream, world.moment(newer).await).await.unwrap_err();
    assert!(matches!(told, HistoryError::Unreadable { .. }), "{told}");
    let rule =
        format!("the event SubscriptionBlessed version 1 at position {newer} cannot be read");
    assert!(told.to_string().starts_with(&rule), "{told}");
    let report = "risk".parse().unwrap();
    let now = world.moment(newer).await;
    let told = Subscribed::of(ledger, &acme(), &report, now, (None, 9)).await.unwrap_err();
    assert!(told.to_string().starts_with(&rule), "{told}");
}

#[tokio::test]
async fn where_a_clock_was_set_back_an_instant_names_one_crossing_and_always_the_same() {
    let world = World::new().await;
    let times = [100, 200, 300, 150, 160, 400];
    let mut positions = Vec::new();
    for (index, at) in times.into_iter().enumerate() {
        positions.push(insert(&world, "acme/x", index as i64 + 1, "Unsubscribed", at).await);
    }
    let (ledger, head) = (&world.test.ledger, world.head().await);
    for instant in [100, 155, 170, 250, 350, 500] {
        let as_of = AsOf::Instant(Timestamp::from_unix_micros(instant * 1_000_000));
        let told = as_of.resolve(ledger, head).await.unwrap();
        assert_eq!(as_of.resolve(ledger, head).await.unwrap(), told);
        let at = positions.iter().position(|position| *position == told.position).unwrap();
        assert!(times[at] <= instant, "{instant} is before {told:?}");
        assert!(times.get(at + 1).is_none_or(|next| *next > instant), "{instant}: {told:?}");
        assert_eq!(told.recorded_at.unix_micros(), times[at] * 1_000_000);
    }
    let early = AsOf::Instant(Timestamp::from_unix_micros(99_000_000));
    let told = early.resolve(ledger, head).await.unwrap_err().to_string();
    assert!(told.ends_with("must not lie before the first event"), "{told}");
}

#[tokio::test]
async fn a_stream_longer_than_a_page_is_read_to_its_end() {
    let mut world = World::new().await;
    let stream = StreamId::subscription(&acme(), &"ada-risk".parse().unwrap());
    let body = body("ada", "risk");
    let mut life = vec![SubscriptionEvent::Subscribed { version: 1, body }];
    for version in (2..4_000).step_by(2) {
        life.push(paused(version));
        life.push(SubscriptionEvent::SubscriptionResumed { version: version + 1 });
    }
    life.push(ended(4_000));
    let mut taken = Vec::new();
    for part in life.chunks(1_000) {
        taken.extend(world.tell(&stream, part.to_vec()).await);
    }
    let (tenant, ledger, head) = (acme(), &world.test.ledger, world.head().await);
    let told = Answer::of(ledger, &tenant, &stream, world.moment(head).await).await.unwrap();
    assert_eq!(
        (&told.state["ended"]["version"], told.last_change.unwrap().sequence),
        (&4_000.into(), 4_000)
    );
    for subject in [Subject::Stream(stream), Subject::Recipient("ada".parse().unwrap())] {
        let mut replay = Replay::new(ledger, &tenant, subject, head);
        let mut lines = Vec::new();
        while let Some(page) = replay.next().await.unwrap() {
            assert!(page.len() <= 2_000, "a page of {}", page.len());
            lines.extend(page.into_iter().map(|line| line.position));
        }
        let positions: Vec<_> = taken.iter().map(|event| event.position).collect();
        assert_eq!(lines, positions);
    }
}
