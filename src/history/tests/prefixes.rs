//! Any streams whatever, at any position: the answer is the fold of the prefix. Events come from the golden files, so
//! that each kind of event is met, in orders that no rule would allow as well.

use std::fs;
use std::path::Path;

use aggregates::{Decider, delivery, distribution, fold, recipient, subscription};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use schema::{AggregateType, LedgerEvent, Position, RecordedEvent, StreamId};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::history::{Answer, Difference};
use crate::story::run_of;
use crate::world::{World, acme};

const KINDS: [AggregateType; 4] = [
    AggregateType::Subscription,
    AggregateType::Recipient,
    AggregateType::Distribution,
    AggregateType::Delivery,
];

/// Every event of a kind that was ever stored.
fn golden(kind: AggregateType) -> Vec<LedgerEvent> {
    let mut events = Vec::new();
    let room = Path::new("../../schema/golden").join(kind.as_str());
    for file in fs::read_dir(room).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (event, version) = name.split_once(".v").unwrap();
        let version = version.split_once('.').map_or(version, |(version, _)| version);
        let payloads = fs::read_to_string(&path).unwrap();
        let each =
            payloads.lines().map(|it| LedgerEvent::decode(kind, event, version, it).unwrap());
        events.extend(each);
    }
    events
}

/// A stream of its own for each case.
fn stream(kind: AggregateType, case: usize) -> StreamId {
    let name = format!("x{case}");
    match kind {
        AggregateType::Distribution => StreamId::distribution(run_of(&name)),
        AggregateType::Delivery => StreamId::delivery(crate::story::delivery(&name, "ada", 0)),
        AggregateType::Subscription => StreamId::subscription(&acme(), &name.parse().unwrap()),
        _ => StreamId::recipient(&acme(), &name.parse().unwrap()),
    }
}

/// The fold, with what is sealed hidden, and whether it is the same as the fold of `other`.
fn folded(kind: AggregateType, prefix: &[&LedgerEvent], other: &[&LedgerEvent]) -> (Value, bool) {
    fn of<D: Decider>(prefix: &[&LedgerEvent], other: &[&LedgerEvent]) -> (Value, bool)
    where
        for<'e> &'e D::Event: TryFrom<&'e LedgerEvent>,
    {
        let state = |events: &[&LedgerEvent]| {
            fold::<D>(events.iter().filter_map(|event| <&D::Event>::try_from(*event).ok()))
        };
        let (state, other) = (state(prefix), state(other));
        (hidden(serde_json::to_value(&state).unwrap()), state == other)
    }
    match kind {
        AggregateType::Subscription => of::<subscription::Rules>(prefix, other),
        AggregateType::Recipient => of::<recipient::Rules>(prefix, other),
        AggregateType::Distribution => of::<distribution::Rules>(prefix, other),
        _ => of::<delivery::Rules>(prefix, other),
    }
}

fn hidden(value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("box") => json!("sealed"),
        Value::Object(fields) => fields.into_iter().map(|(name, it)| (name, hidden(it))).collect(),
        Value::Array(entries) => entries.into_iter().map(hidden).collect(),
        plain => plain,
    }
}

/// How a stream came about: of which kind, by which events, so many a unit, and which positions are asked about.
type Case = (usize, Vec<Index>, usize, Vec<Index>);

async fn check(world: &mut World, number: usize, case: Case) -> Result<(), TestCaseError> {
    let (kind, chosen, unit, asked) = case;
    let (kind, pool) = (KINDS[kind], golden(KINDS[kind]));
    let (stream, other) = (stream(kind, number), stream(kind, number + 1_000_000));
    let events: Vec<LedgerEvent> = chosen.iter().map(|index| index.get(&pool).clone()).collect();
    let first = world.head().await;
    let mut log: Vec<RecordedEvent> = Vec::new();
    for part in events.chunks(unit) {
        log.extend(world.tell(&stream, part.to_vec()).await);
        // Between them lies what is another's.
        world.tell(&other, vec![pool[0].clone()]).await;
    }
    let last = world.head().await;
    let mut before: Option<Position> = None;
    for index in asked {
        let span = usize::try_from(last.0 - first.0).unwrap();
        let at = Position(first.0 + 1 + index.index(span) as i64);
        let until = |at: Position| -> Vec<&LedgerEvent> {
            log.iter().take_while(|event| event.position <= at).map(|event| &event.event).collect()
        };
        let earlier = before.replace(at).unwrap_or(at).min(at);
        let (expected, is_same) = folded(kind, &until(at), &until(earlier));
        let (from, to) = (world.moment(earlier).await, world.moment(at).await);
        let ledger = &world.test.ledger;
        let told = Answer::of(ledger, &acme(), &stream, to).await.unwrap();
        prop_assert_eq!(told.state, expected, "{} at {}", stream, at);
        let change = until(at).len().checked_sub(1).map(|last| log[last].position);
        prop_assert_eq!(told.last_change.map(|change| change.position), change);
        let told = Difference::of(ledger, &acme(), &stream, (from, to)).await.unwrap();
        prop_assert_eq!(told.fields.is_empty(), is_same, "{:?}", told);
        prop_assert_eq!(told.events.len(), until(at).len() - until(earlier).len());
    }
    Ok(())
}

#[test]
fn as_of_is_a_fresh_fold_of_the_prefix() {
    let runtime = Runtime::new().unwrap();
    let world = std::cell::RefCell::new((0, runtime.block_on(World::new())));
    let events = prop::collection::vec(any::<Index>(), 1..40);
    let cases = (0..KINDS.len(), events, 1..5_usize, prop::collection::vec(any::<Index>(), 1..6));
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let told = TestRunner::new(config).run(&cases, |case| {
        let (number, world) = &mut *world.borrow_mut();
        *number += 1;
        runtime.block_on(check(world, *number, case))
    });
    told.unwrap();
}
