#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;

use sqlx::types::Json;

use super::queries::{self, DistributionFilter, DistributionSort, NotPlannedFilter};
use super::{DistributionRow, Distributions, NotPlannedRow, OutcomeSums};
use crate::deliveries::Deliveries;
use crate::testing::{Tables, distribution, instant, version};
use crate::tests::history::history;
use crate::{Order, PageRequest};

#[tokio::test]
async fn considered_is_planned_and_not_planned_by_reason() {
    let mut tables = Tables::start().await;
    let log = history();
    tables.fold(&Distributions, &log, 100).await;
    let pool = tables.test.ledger.pool();
    let first = distribution("v1").as_uuid();

    let row = queries::by_ids(pool, "acme", &[first]).await.unwrap().remove(0);
    let version = version("v1");
    let expected = DistributionRow {
        distribution: first,
        tenant: "acme".to_owned(),
        report: "risk".to_owned(),
        version: "v1".to_owned(),
        digest: version.digest.to_string(),
        title: "Risk".to_owned(),
        attributes: Json(version.attributes),
        artifacts: Json(version.artifacts),
        corrects: None,
        received_at: instant(0),
        deadline: instant(3_600),
        slices: 2,
        considered: 5,
        planned: 3,
        not_planned: 2,
        not_planned_by: Json(BTreeMap::from([("paused".to_owned(), 2)])),
        plan_complete_at: Some(instant(row.position + 2)),
        corrected_by: Some("v2".to_owned()),
        withdrawn_at: None,
        withdraw_reason: None,
        reconciled_at: None,
        position: row.position,
        last_position: row.position + 4,
    };
    assert_eq!(row, expected);
    assert_eq!(queries::by_ids(pool, "other", &[first]).await.unwrap(), vec![]);
}

#[tokio::test]
async fn why_somebody_did_not_get_it_is_a_row() {
    let mut tables = Tables::start().await;
    tables.fold(&Distributions, &history(), 100).await;
    let pool = tables.test.ledger.pool();
    let dan =
        NotPlannedFilter { recipient: Some("dan".to_owned()), ..NotPlannedFilter::of("acme") };

    let page = queries::not_planned(pool, &dan, &PageRequest::first(5)).await.unwrap();
    let row = page.edges[0].row.clone();
    let expected = NotPlannedRow {
        tenant: "acme".to_owned(),
        distribution: distribution("v1").as_uuid(),
        position: row.position,
        ordinal: 1,
        report: "risk".to_owned(),
        version: "v1".to_owned(),
        recipient: "dan".to_owned(),
        subscription: "dan-risk".to_owned(),
        subscription_version: 4,
        reason: "paused".to_owned(),
        slice: 1,
        read_at: 9,
        decided_at: instant(row.position),
    };
    assert_eq!(row, expected);
    assert_eq!(queries::count_not_planned(pool, &dan).await.unwrap(), 1);
    let all = NotPlannedFilter::of("acme");
    let first = PageRequest::first(1).in_order(Order::Ascending);
    let one = queries::not_planned(pool, &all, &first).await.unwrap();
    let two = queries::not_planned(pool, &all, &first.after(one.edges[0].cursor)).await.unwrap();
    assert_eq!((one.edges[0].row.ordinal, two.edges[0].row.ordinal), (0, 1));
}

#[tokio::test]
async fn outcomes_add_up_and_resends_stay_apart() {
    let mut tables = Tables::start().await;
    let log = history();
    tables.fold(&Distributions, &log, 100).await;
    tables.fold(&Deliveries::new(), &log, 100).await;
    let pool = tables.test.ledger.pool();
    let (first, second) = (distribution("v1").as_uuid(), distribution("v2").as_uuid());

    let rows = queries::outcomes_of(pool, "acme", &[first]).await.unwrap();
    let planned = OutcomeSums::of(&rows, false);
    assert_eq!((planned.scheduled, planned.open, planned.attempts), (4, 0, 5));
    assert_eq!((planned.delivered, planned.accepted, planned.bounced), (1, 2, 1));
    assert_eq!(planned.dead_lettered, 1);
    assert!(planned.first_closed_at < planned.last_closed_at);
    let resends = OutcomeSums::of(&rows, true);
    assert_eq!((resends.scheduled, resends.delivered, resends.open), (1, 1, 0));

    let rows = queries::outcomes_of(pool, "acme", &[second]).await.unwrap();
    let planned = OutcomeSums::of(&rows, false);
    assert_eq!((planned.scheduled, planned.open), (4, 1));
    assert_eq!((planned.cancelled, planned.expired, planned.suppressed), (1, 1, 1));
}

#[tokio::test]
async fn every_order_reads_the_same_rows_both_ways() {
    let mut tables = Tables::start().await;
    tables.fold(&Distributions, &history(), 100).await;
    let pool = tables.test.ledger.pool();
    let all = DistributionFilter::of("acme");
    let names = |page: crate::Page<DistributionRow>| -> Vec<String> {
        page.into_rows().into_iter().map(|row| row.version).collect()
    };

    for sort in [DistributionSort::Position, DistributionSort::ReceivedAt] {
        let up = PageRequest::first(5).in_order(Order::Ascending);
        assert_eq!(names(queries::page(pool, &all, sort, &up).await.unwrap()), ["v1", "v2"]);
        let down = PageRequest::first(5);
        assert_eq!(names(queries::page(pool, &all, sort, &down).await.unwrap()), ["v2", "v1"]);
        let one = queries::page(pool, &all, sort, &PageRequest::first(1)).await.unwrap();
        let next = PageRequest::first(1).after(one.edges[0].cursor);
        assert_eq!(names(queries::page(pool, &all, sort, &next).await.unwrap()), ["v1"]);
    }
    for order in [Order::Ascending, Order::Descending] {
        let request = PageRequest::first(5).in_order(order);
        let sort = DistributionSort::ReconciledAt;
        assert_eq!(names(queries::page(pool, &all, sort, &request).await.unwrap()), ["v2"]);
    }
    let open = DistributionFilter { open: Some(true), ..all };
    assert_eq!(queries::count(pool, &open).await.unwrap(), 1);
}
