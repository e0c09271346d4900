#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use schema::StreamId;
use schema::events::{SubscriptionBody, SubscriptionEvent};
use sqlx::types::Json;

use super::Subscriptions;
use super::queries::{self, SubscriptionFilter, SubscriptionRow, SubscriptionState};
use crate::PageRequest;
use crate::testing::{Log, Tables, acme, at, instant, preferences, selector};

fn body(recipient: &str, report: &str) -> SubscriptionBody {
    SubscriptionBody {
        recipient: recipient.parse().unwrap(),
        selector: selector(report),
        preferences: preferences(),
    }
}

/// Ann's, paused until second 500; Bob's, ended and begun again.
fn log() -> Log {
    let mut log = Log::default();
    let ann = StreamId::subscription(&acme(), &"ann-risk".parse().unwrap());
    let bob = StreamId::subscription(&acme(), &"bob-all".parse().unwrap());
    log.tell(ann.clone(), SubscriptionEvent::Subscribed { version: 1, body: body("ann", "risk") });
    log.tell(bob.clone(), SubscriptionEvent::Subscribed { version: 1, body: body("bob", "*") });
    let (until, reason) = (Some(at(500)), "holiday".to_owned());
    log.tell(ann, SubscriptionEvent::SubscriptionPaused { version: 2, until, reason });
    let reason = "one_click".to_owned();
    log.tell(bob.clone(), SubscriptionEvent::Unsubscribed { version: 2, reason });
    log.tell(bob, SubscriptionEvent::Subscribed { version: 3, body: body("bob", "*") });
    log
}

#[tokio::test]
async fn a_subscription_begun_again_keeps_its_place_and_counts_its_history() {
    let mut tables = Tables::start().await;
    tables.fold(&Subscriptions, &log(), 100).await;
    let pool = tables.test.ledger.pool();

    let found = queries::by_ids(pool, "acme", &["bob-all".to_owned()], instant(9)).await.unwrap();
    let expected = SubscriptionRow {
        tenant: "acme".to_owned(),
        subscription: "bob-all".to_owned(),
        recipient: Some("bob".to_owned()),
        group_id: None,
        opted_out: None,
        report: "*".to_owned(),
        selector: Json(selector("*")),
        preferences: Json(preferences()),
        version: 3,
        state: SubscriptionState::Active,
        paused_until: None,
        reason: None,
        subscribed_at: instant(5),
        changed_at: instant(5),
        change_count: 3,
        position: 2,
        sequence: 3,
    };
    assert_eq!(found, vec![expected]);
}

#[tokio::test]
async fn a_pause_is_over_when_its_end_has_come() {
    let mut tables = Tables::start().await;
    tables.fold(&Subscriptions, &log(), 100).await;
    let pool = tables.test.ledger.pool();

    for (now, state, paused) in
        [(499, SubscriptionState::Paused, 1), (500, SubscriptionState::Active, 0)]
    {
        let now = instant(now);
        let ann = queries::of_recipients(pool, "acme", &["ann".to_owned()], now, 5).await.unwrap();
        assert_eq!(ann[0].state, state);
        let state = Some(SubscriptionState::Paused);
        let filter = SubscriptionFilter { state, ..SubscriptionFilter::of("acme", now) };
        assert_eq!(queries::count(pool, &filter).await.unwrap(), paused);
        let page = queries::page(pool, &filter, &PageRequest::first(5)).await.unwrap();
        assert_eq!(page.edges.len() as i64, paused);
    }
}
