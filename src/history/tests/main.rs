//! The past as plain folds and plain order tell it, on a real server.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use aggregates::{fold, subscription};
use history::{Answer, AsOf};
use schema::events::{SubscriptionBody, SubscriptionEvent};
use schema::{Actor, Metadata, Position, Preferences, Selector, StreamId, TenantId, Timestamp};
use store::testing::TestLedger;
use store::{Append, Unit};
use waybill_history as history;

fn life() -> Vec<SubscriptionEvent> {
    let body = SubscriptionBody {
        recipient: "ada".parse().unwrap(),
        selector: Selector {
            report: "risk".to_owned().try_into().unwrap(),
            attributes: Default::default(),
        },
        preferences: Preferences { channels: vec![], formats: vec![], deadline_s: None },
    };
    vec![
        SubscriptionEvent::Subscribed { version: 1, body },
        SubscriptionEvent::SubscriptionPaused { version: 2, until: None, reason: "away".into() },
        SubscriptionEvent::SubscriptionResumed { version: 3 },
        SubscriptionEvent::Unsubscribed { version: 4, reason: "done".into() },
    ]
}

#[tokio::test]
async fn each_position_and_its_instant_answer_with_the_fold_of_what_lies_before() {
    let test = TestLedger::start().await;
    let acme: TenantId = "acme".parse().unwrap();
    let stream = StreamId::subscription(&acme, &"ada-risk".parse().unwrap());
    let mut taken = Vec::new();
    for (expected, event) in life().into_iter().enumerate() {
        let mut unit = Unit::new(Metadata::new(acme.clone(), Actor::new("key", "k1")));
        let (stream, expected) = (stream.clone(), expected as i64);
        unit.appends.push(Append { stream, expected, events: vec![event.into()] });
        taken.extend(test.ledger.append(unit).await.unwrap().events);
    }
    let head = test.ledger.head().await.unwrap();
    for (index, event) in taken.iter().enumerate() {
        let at = AsOf::Instant(event.recorded_at).resolve(&test.ledger, head).await.unwrap();
        assert_eq!(at, event.position);
        let told = Answer::of(&test.ledger, &acme, &stream, at).await.unwrap();
        let expected = fold::<subscription::Rules>(&life()[..=index]);
        assert_eq!(told.state, serde_json::to_value(expected).unwrap());
        assert_eq!(told.last_change.unwrap().position, event.position);
        let other = "other".parse().unwrap();
        let told = Answer::of(&test.ledger, &other, &stream, at).await.unwrap();
        assert_eq!((told.state, told.last_change), ("unknown".into(), None));
    }
    let ahead = Position(head.0 + 1);
    let told = AsOf::Position(ahead).resolve(&test.ledger, head).await.unwrap_err();
    let rule = format!("position: \"{ahead}\" must be 1 to {head}, where the log now ends");
    assert_eq!(told.to_string(), rule);
    let early = AsOf::Instant(Timestamp::from_unix_micros(0));
    let told = early.resolve(&test.ledger, head).await.unwrap_err();
    assert!(told.to_string().starts_with("at: \"1970-01-01"), "{told}");
}
