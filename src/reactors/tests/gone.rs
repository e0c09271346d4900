use schema::events::{
    AttemptOutcome, DeadLetterReason, DeliveryEvent, Evidence, NextStep, RecipientEvent,
    RecipientKind, RecipientProfile, RetireReason,
};
use schema::{
    Actor, ChannelKind, FailureClass, Fault, LedgerEvent, Metadata, RecordedEvent, Sealed, StreamId,
};
use store::{AddressChange, Append, Unit};

use crate::support::{House, acme, delivery, ended, scheduled, started};

const NAME: &str = "retire_gone_addresses";

fn recipient() -> StreamId {
    recipient_named("a")
}

fn recipient_named(name: &str) -> StreamId {
    StreamId::recipient(&acme(), &name.parse().unwrap())
}

fn sealed(tag: &str) -> Sealed {
    Sealed { key: "k".to_owned(), ciphertext: "c".to_owned(), tag: tag.to_owned() }
}

async fn reachable(house: &House) {
    reachable_at(house, "a", "one").await;
}

/// As the API adds an address: with its entry in the index.
async fn reachable_at(house: &House, name: &str, value: &str) {
    let profile = RecipientProfile {
        kind: RecipientKind::System,
        name: None,
        locale: "en".to_owned(),
        zone: "UTC".parse().unwrap(),
    };
    let added = RecipientEvent::AddressAdded {
        address: "work".parse().unwrap(),
        channel: ChannelKind::Webhook,
        value: sealed(value),
        destination: "d1".parse().unwrap(),
        revision: 1,
    };
    let registered = RecipientEvent::RecipientRegistered(profile);
    let events = vec![registered.into(), added.into()];
    leads_to(house, name, value, 0, events).await;
}

async fn leads_to(house: &House, name: &str, value: &str, expected: i64, events: Vec<LedgerEvent>) {
    let mut unit = Unit::new(Metadata::new(acme(), Actor::new("key", "k1")));
    unit.appends.push(Append { stream: recipient_named(name), expected, events });
    let (recipient, address) = (name.parse().unwrap(), "work".parse().unwrap());
    unit.addresses.push(AddressChange::Put { recipient, address, tag: value.to_owned() });
    house.ledger().append(unit).await.unwrap();
}

fn refused(code: &str) -> AttemptOutcome {
    AttemptOutcome::Failed {
        fault: Fault {
            class: FailureClass::RecipientPermanent,
            code: code.to_owned(),
            reply: None,
            retry_after_ms: None,
        },
        next: NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable },
    }
}

/// A delivery of a version that ends with `code`.
fn sent(version: &str, code: &str) -> (StreamId, i64, Vec<LedgerEvent>) {
    let life = vec![scheduled(version, "a"), started(1), ended(1, refused(code))];
    (delivery(version, "a"), 0, life)
}

async fn retired(house: &House) -> Vec<RecordedEvent> {
    retired_of(house, "a").await
}

async fn retired_of(house: &House, name: &str) -> Vec<RecordedEvent> {
    let is_end = |event: &RecordedEvent| {
        matches!(event.event, LedgerEvent::Recipient(RecipientEvent::AddressRetired { .. }))
    };
    house.stream(&recipient_named(name)).await.into_iter().filter(is_end).collect()
}

#[tokio::test]
async fn an_address_that_answers_gone_is_retired_once() {
    let mut house = House::start().await;
    reachable(&house).await;
    let first = house.append(vec![sent("v1", "http.410"), sent("v2", "http.410")]).await;
    house.reached(NAME, first).await;

    let ends = retired(&house).await;
    let (address, reason) = ("work".parse().unwrap(), RetireReason::Gone);
    let expected = RecipientEvent::AddressRetired { address, reason };
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].event, LedgerEvent::Recipient(expected));
    assert_eq!(ends[0].metadata.actor.as_str(), "reactor:retire_gone_addresses");

    let head = house.ledger().head().await.unwrap();
    house.start_over().await;
    house.reached(NAME, head).await;
    assert_eq!(house.ledger().head().await.unwrap(), head, "a replay repeats nothing");
}

#[tokio::test]
async fn an_address_changed_since_the_attempt_stays() {
    let house = House::start().await;
    reachable(&house).await;
    let changed = RecipientEvent::AddressChanged {
        address: "work".parse().unwrap(),
        value: sealed("two"),
        destination: "d1".parse().unwrap(),
        revision: 2,
    };
    house.append(vec![(recipient(), 2, vec![changed.into()])]).await;
    let last = house.append(vec![sent("v1", "http.410")]).await;
    house.reached(NAME, last).await;
    assert_eq!(retired(&house).await, vec![]);
}

#[tokio::test]
async fn whoever_is_reached_at_the_same_place_is_reached_there_no_more() {
    let mut house = House::start().await;
    for (name, value) in [("a", "one"), ("b", "one"), ("c", "two")] {
        reachable_at(&house, name, value).await;
    }
    let last = house.append(vec![sent("v1", "http.410")]).await;
    house.reached(NAME, last).await;
    let counts = [retired_of(&house, "a"), retired_of(&house, "b"), retired_of(&house, "c")];
    let [a, b, c] = futures::future::join_all(counts).await.try_into().unwrap();
    assert_eq!((a.len(), b.len(), c.len()), (1, 1, 0));
    let of_b = (b[0].metadata.causation.clone(), b[0].metadata.actor.as_str());
    assert_eq!(of_b, (Some(last.to_string()), "reactor:retire_gone_addresses"));
    let left = house.ledger().find_by_address(&acme(), "one").await.unwrap();
    assert_eq!(left, []);

    let head = house.ledger().head().await.unwrap();
    house.start_over().await;
    house.reached(NAME, head).await;
    assert_eq!(house.ledger().head().await.unwrap(), head, "a replay repeats nothing");
}

#[tokio::test]
async fn who_came_to_that_place_after_the_answer_stays() {
    let mut house = House::start().await;
    reachable(&house).await;
    reachable_at(&house, "b", "two").await;
    house.sleep().await;
    let last = house.append(vec![sent("v1", "http.410")]).await;
    let changed = RecipientEvent::AddressChanged {
        address: "work".parse().unwrap(),
        value: sealed("one"),
        destination: "d1".parse().unwrap(),
        revision: 2,
    };
    leads_to(&house, "b", "one", 2, vec![changed.into()]).await;
    house.wake().await;
    house.reached(NAME, last).await;
    assert_eq!(retired(&house).await.len(), 1);
    assert_eq!(retired_of(&house, "b").await, vec![]);
}

#[tokio::test]
async fn an_answer_that_comes_late_retires_too() {
    let house = House::start().await;
    reachable(&house).await;
    let AttemptOutcome::Failed { fault, .. } = refused("http.410") else { unreachable!() };
    let late =
        DeliveryEvent::EvidenceRecorded { evidence: Evidence::LateFailure { attempt: 1, fault } };
    let life = vec![scheduled("v1", "a"), started(1), late.into()];
    let last = house.append(vec![(delivery("v1", "a"), 0, life)]).await;
    house.reached(NAME, last).await;
    assert_eq!(retired(&house).await.len(), 1);
}

#[tokio::test]
async fn any_other_answer_retires_nothing() {
    let house = House::start().await;
    reachable(&house).await;
    let last = house.append(vec![sent("v1", "http.404")]).await;
    house.reached(NAME, last).await;
    assert_eq!(retired(&house).await, vec![]);
    let expired = DeliveryEvent::DeliveryExpired { deadline: crate::support::at(1) };
    let other = (delivery("v2", "a"), 0, vec![scheduled("v2", "a"), expired.into()]);
    let last = house.append(vec![other]).await;
    house.reached(NAME, last).await;
    assert_eq!(retired(&house).await, vec![]);
}
