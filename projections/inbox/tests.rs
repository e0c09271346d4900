#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use schema::events::{CancelReason, DeliveryEvent, DistributionEvent, EntryMark};
use schema::{AttributeValue, ChannelKind, Proof, Severity};
use sqlx::types::Json;

use super::{Inbox, InboxCounts, InboxFilter, InboxRow, queries};
use crate::PageRequest;
use crate::distributions::Distributions;
use crate::testing::{
    Log, Tables, at, delivery, distribution, ended, instant, plan, started, succeeded, version,
};

const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "sev1"];

/// Four versions of different severity in ann's inbox, the first at position 4, then one every fourth; bob has none.
fn served() -> Log {
    let mut log = Log::default();
    for severity in SEVERITIES {
        let mut received = version(severity);
        let value = AttributeValue::Text(severity.to_owned());
        received.attributes.insert("severity".to_owned(), value);
        log.distribution(distribution(severity), DistributionEvent::ReportReceived(received));
        serve(&mut log, severity, "ann");
    }
    log
}

fn serve(log: &mut Log, version: &str, recipient: &str) {
    let id = delivery(version, recipient, ChannelKind::Inbox, 0);
    log.delivery(
        id,
        DeliveryEvent::DeliveryScheduled(plan(version, recipient, ChannelKind::Inbox)),
    );
    log.delivery(id, started(1));
    log.delivery(id, ended(1, 10, succeeded(Proof::Delivered)));
}

fn mark(log: &mut Log, version: &str, mark: EntryMark) {
    let id = delivery(version, "ann", ChannelKind::Inbox, 0);
    log.delivery(id, DeliveryEvent::EntryMarked { mark });
}

async fn folded(log: &Log) -> Tables {
    let mut tables = Tables::start().await;
    tables.fold(&Distributions, log, 100).await;
    tables.fold(&Inbox, log, 3).await;
    tables
}

fn ann(now: i64) -> InboxFilter {
    InboxFilter::of("acme", "ann", instant(now), instant(0))
}

async fn versions(tables: &Tables, filter: &InboxFilter) -> Vec<String> {
    let pool = tables.test.ledger.pool();
    let page = queries::page(pool, filter, &PageRequest::first(10)).await.unwrap();
    let rows = page.into_rows();
    assert_eq!(queries::count(pool, filter).await.unwrap(), rows.len() as i64);
    rows.into_iter().map(|row| row.version).collect()
}

#[tokio::test]
async fn an_entry_tells_its_version_and_what_became_of_both() {
    let mut log = served();
    mark(&mut log, "critical", EntryMark::Read);
    mark(&mut log, "critical", EntryMark::Acknowledged);
    mark(&mut log, "critical", EntryMark::Snoozed { until: at(500) });
    let by = "warning".parse().unwrap();
    log.distribution(distribution("critical"), DistributionEvent::VersionCorrected { by });
    let tables = folded(&log).await;
    let id = delivery("critical", "ann", ChannelKind::Inbox, 0).as_uuid();
    let found = queries::by_ids(tables.test.ledger.pool(), "acme", "ann", &[id]).await.unwrap();
    let received = version("critical");
    let mut attributes = received.attributes;
    attributes.insert("severity".to_owned(), AttributeValue::Text("critical".to_owned()));
    let expected = InboxRow {
        delivery: id,
        recipient: "ann".to_owned(),
        distribution: distribution("critical").as_uuid(),
        report: "risk".to_owned(),
        version: "critical".to_owned(),
        title: "Risk".to_owned(),
        attributes: Json(attributes),
        artifacts: Json(received.artifacts),
        format: Some("csv".to_owned()),
        resend: 0,
        corrected_by: Some("warning".to_owned()),
        withdrawn_at: None,
        withdraw_reason: None,
        served_at: instant(4),
        content_sha256: Some(schema::Sha256::of(b"body").to_string()),
        read_at: Some(instant(17)),
        acknowledged_at: Some(instant(18)),
        snoozed_until: Some(instant(500)),
        answer: None,
        position: 4,
        last_position: 20,
    };
    assert_eq!(found, vec![expected.clone()]);
    assert_eq!(expected.severity(), Severity::Critical);
}

#[tokio::test]
async fn what_waits_is_counted_by_severity_and_what_is_put_off_apart() {
    let mut log = served();
    mark(&mut log, "info", EntryMark::Read);
    mark(&mut log, "warning", EntryMark::Snoozed { until: at(500) });
    let tables = folded(&log).await;
    let pool = tables.test.ledger.pool();
    let counts = InboxCounts { unread: 2, info: 1, warning: 0, critical: 1, snoozed: 1 };
    assert_eq!(queries::counts(pool, &ann(499)).await.unwrap(), counts);
    let counts = InboxCounts { unread: 3, info: 1, warning: 1, critical: 1, snoozed: 0 };
    assert_eq!(queries::counts(pool, &ann(500)).await.unwrap(), counts);
    let bob = InboxFilter { recipient: "bob".to_owned(), ..ann(500) };
    assert_eq!(queries::counts(pool, &bob).await.unwrap(), InboxCounts::default());
    let stranger = InboxFilter { tenant: "other".to_owned(), ..ann(500) };
    assert_eq!(queries::counts(pool, &stranger).await.unwrap(), InboxCounts::default());
}

#[tokio::test]
async fn the_inbox_is_asked_by_what_was_read_by_severity_and_by_what_is_put_off() {
    let mut log = served();
    mark(&mut log, "info", EntryMark::Read);
    mark(&mut log, "warning", EntryMark::Snoozed { until: at(500) });
    let tables = folded(&log).await;
    assert_eq!(versions(&tables, &ann(400)).await, ["sev1", "info", "warning", "critical"]);
    let unread = InboxFilter { unread: Some(true), ..ann(400) };
    assert_eq!(versions(&tables, &unread).await, ["sev1", "warning", "critical"]);
    let read = InboxFilter { unread: Some(false), ..ann(400) };
    assert_eq!(versions(&tables, &read).await, ["info"]);
    let info = InboxFilter { severity: Some(Severity::Info), ..ann(400) };
    assert_eq!(versions(&tables, &info).await, ["sev1", "info"], "as Severity::of reads it");
    let snoozed = InboxFilter { snoozed: Some(true), ..ann(400) };
    assert_eq!(versions(&tables, &snoozed).await, ["warning"]);
    let back = InboxFilter { snoozed: Some(true), ..ann(500) };
    assert!(versions(&tables, &back).await.is_empty());
}

#[tokio::test]
async fn what_is_older_than_is_kept_is_not_shown_and_still_there() {
    let mut tables = folded(&served()).await;
    let later = InboxFilter { since: instant(9), ..ann(400) };
    assert_eq!(versions(&tables, &later).await, ["sev1", "info"]);
    let pool = tables.test.ledger.pool();
    assert_eq!(queries::counts(pool, &later).await.unwrap().unread, 2);
    assert_eq!(tables.dump(&Inbox).await.len(), 4);
}

#[tokio::test]
async fn what_is_on_its_way_is_expected_and_not_shown() {
    let mut log = served();
    let coming = delivery("late", "ann", ChannelKind::Inbox, 0);
    let off = delivery("off", "ann", ChannelKind::Inbox, 0);
    for (id, name) in [(coming, "late"), (off, "off")] {
        log.distribution(distribution(name), DistributionEvent::ReportReceived(version(name)));
        log.delivery(id, DeliveryEvent::DeliveryScheduled(plan(name, "ann", ChannelKind::Inbox)));
    }
    log.delivery(off, DeliveryEvent::DeliveryCancelled { reason: CancelReason::Withdrawn });
    let tables = folded(&log).await;
    assert_eq!(versions(&tables, &ann(400)).await.len(), 4);
    let pool = tables.test.ledger.pool();
    let expected = queries::expected(pool, "acme", "ann", instant(9), 10).await.unwrap();
    let ids: Vec<_> = expected.into_iter().map(|(id, _)| id).collect();
    let of = |name| delivery(name, "ann", ChannelKind::Inbox, 0).as_uuid();
    assert_eq!(ids, [of("late"), of("sev1"), of("info")]);
}

#[tokio::test]
async fn unread_entries_are_found_up_to_a_position_oldest_first() {
    let mut log = served();
    mark(&mut log, "critical", EntryMark::Read);
    let tables = folded(&log).await;
    let pool = tables.test.ledger.pool();
    let of = |name| delivery(name, "ann", ChannelKind::Inbox, 0).as_uuid();
    let found = queries::unread_through(pool, &ann(400), 12, 5).await.unwrap();
    assert_eq!(found, [of("warning"), of("info")]);
    let found = queries::unread_through(pool, &ann(400), 12, 1).await.unwrap();
    assert_eq!(found, [of("warning")]);
}
