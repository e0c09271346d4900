#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use sqlx::types::Json;

use super::queries::{self, RecipientFilter};
use super::{AddressRow, EntitlementRow, RecipientRow, Recipients};
use crate::PageRequest;
use crate::testing::{Tables, instant, sealed};
use crate::tests::history::history;

// The history tells of recipients from position 14 on: see there.
const ANN: i64 = 14;

#[tokio::test]
async fn a_recipient_is_as_its_events_left_it_and_stays_sealed() {
    let mut tables = Tables::start().await;
    tables.fold(&Recipients, &history(), 100).await;
    let pool = tables.test.ledger.pool();

    let ann = queries::by_ids(pool, "acme", &["ann".to_owned()]).await.unwrap();
    let expected = RecipientRow {
        tenant: "acme".to_owned(),
        recipient: "ann".to_owned(),
        kind: "person".to_owned(),
        name: Some(Json(sealed("Anna"))),
        locale: "de-DE".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        registered_at: instant(ANN),
        changed_at: instant(ANN + 6),
        retired_at: None,
        retire_reason: None,
        position: ANN,
        sequence: 5,
    };
    assert_eq!(ann, vec![expected]);
    let addresses = queries::addresses_of(pool, "acme", &["ann".to_owned()]).await.unwrap();
    let expected = AddressRow {
        tenant: "acme".to_owned(),
        recipient: "ann".to_owned(),
        address: "work".to_owned(),
        channel: "webhook".to_owned(),
        value: Json(sealed("https://new")),
        destination: "dst-other".to_owned(),
        revision: 2,
        added_at: instant(ANN + 1),
        changed_at: instant(ANN + 7),
        retired_at: None,
        retire_reason: None,
        position: ANN + 1,
    };
    assert_eq!(addresses, vec![expected]);
}

#[tokio::test]
async fn who_may_have_a_report_is_a_question_with_one_answer() {
    let mut tables = Tables::start().await;
    tables.fold(&Recipients, &history(), 100).await;
    let pool = tables.test.ledger.pool();

    let request = PageRequest::first(10);
    let grants = queries::entitlements_for(pool, "acme", "risk", &request).await.unwrap();
    let bob = EntitlementRow {
        tenant: "acme".to_owned(),
        recipient: "bob".to_owned(),
        grant_id: "all".to_owned(),
        report: "*".to_owned(),
        until: Some(instant(9_999)),
        granted_by: "key:k1".to_owned(),
        granted_at: instant(ANN + 5),
        revoked_by: Some("key:k1".to_owned()),
        revoked_at: Some(instant(ANN + 9)),
        revoke_reason: Some("left".to_owned()),
        position: ANN + 5,
    };
    assert_eq!(grants.edges[0].row, bob);
    assert_eq!(queries::count_entitlements_for(pool, "acme", "risk").await.unwrap(), 2);
    let of_bob = queries::entitlements_of(pool, "acme", &["bob".to_owned()]).await.unwrap();
    assert_eq!(of_bob, vec![bob]);
}

#[tokio::test]
async fn recipients_are_found_by_where_they_can_be_reached() {
    let mut tables = Tables::start().await;
    tables.fold(&Recipients, &history(), 100).await;
    let pool = tables.test.ledger.pool();

    let destination = Some("dst-other".to_owned());
    let there = RecipientFilter { destination, ..RecipientFilter::of("acme") };
    let found = queries::page(pool, &there, &PageRequest::first(10)).await.unwrap().into_rows();
    assert_eq!(found.iter().map(|row| row.recipient.as_str()).collect::<Vec<_>>(), ["ann"]);
    assert_eq!(queries::count(pool, &there).await.unwrap(), 1);
    let retired = RecipientFilter { retired: Some(true), ..RecipientFilter::of("acme") };
    let found = queries::page(pool, &retired, &PageRequest::first(10)).await.unwrap().into_rows();
    assert_eq!(found.iter().map(|row| row.recipient.as_str()).collect::<Vec<_>>(), ["bob"]);
}
