use schema::events::{
    AttemptOutcome, DeadLetterReason, DeliveryEvent, NextStep, RecipientEvent, RecipientKind,
    RecipientProfile, RetireReason,
};
use schema::{ChannelKind, FailureClass, Fault, LedgerEvent, RecordedEvent, Sealed, StreamId};

use crate::support::{House, acme, delivery, ended, scheduled, started};

const NAME: &str = "retire_gone_addresses";

fn recipient() -> StreamId {
    StreamId::recipient(&acme(), &"a".parse().unwrap())
}

fn sealed(tag: &str) -> Sealed {
    Sealed { key: "k".to_owned(), ciphertext: "c".to_owned(), tag: tag.to_owned() }
}

async fn reachable(house: &House) {
    let profile = RecipientProfile {
        kind: RecipientKind::System,
        name: None,
        locale: "en".to_owned(),
        zone: "UTC".parse().unwrap(),
    };
    let added = RecipientEvent::AddressAdded {
        address: "work".parse().unwrap(),
        channel: ChannelKind::Webhook,
        value: sealed("one"),
        destination: "d1".parse().unwrap(),
        revision: 1,
    };
    let registered = RecipientEvent::RecipientRegistered(profile);
    house.append(vec![(recipient(), 0, vec![registered.into(), added.into()])]).await;
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
    let is_end = |event: &RecordedEvent| {
        matches!(event.event, LedgerEvent::Recipient(RecipientEvent::AddressRetired { .. }))
    };
    house.stream(&recipient()).await.into_iter().filter(is_end).collect()
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
