#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::Reports;
use super::queries::{self, ReportFilter, ReportRow};
use crate::PageRequest;
use crate::testing::{Log, Tables, acme, at, instant};
use schema::events::{ReportEvent, ReportProfile};
use schema::{ColumnSpec, ColumnType, StreamId};
use sqlx::types::Json;

fn columns() -> Vec<ColumnSpec> {
    vec![ColumnSpec { name: "desk".to_owned(), kind: ColumnType::Text, nullable: true }]
}

fn log() -> Log {
    let mut log = Log::default();
    for report in ["risk", "sales", "stock"] {
        let stream = StreamId::report(&acme(), &report.parse().unwrap());
        let profile = ReportProfile {
            title: report.to_owned(),
            owner: "o1".to_owned(),
            deadline_s: 60,
            columns: if report == "sales" { columns() } else { vec![] },
            self_service: report == "sales",
        };
        log.tell(stream, ReportEvent::ReportRegistered(profile));
    }
    let sales = StreamId::report(&acme(), &"sales".parse().unwrap());
    log.tell(sales, ReportEvent::ReportRetired { reason: "unread".to_owned() });
    log
}

#[tokio::test]
async fn a_retired_report_says_when_and_why() {
    let mut tables = Tables::start().await;
    tables.fold(&Reports, &log(), 100).await;
    let pool = tables.test.ledger.pool();

    let found = queries::by_ids(pool, "acme", &["sales".to_owned()]).await.unwrap();
    let expected = ReportRow {
        tenant: "acme".to_owned(),
        report: "sales".to_owned(),
        title: "sales".to_owned(),
        owner: "o1".to_owned(),
        deadline_s: 60,
        registered_at: instant(2),
        changed_at: instant(2),
        retired_at: Some(at(4).to_chrono()),
        retire_reason: Some("unread".to_owned()),
        position: 2,
        sequence: 2,
        columns: Some(Json(columns())),
        self_service: Some(true),
    };
    assert_eq!(found, vec![expected]);
    let retired = ReportFilter { retired: Some(true), ..ReportFilter::of("acme") };
    assert_eq!(queries::count(pool, &retired).await.unwrap(), 1);
    assert_eq!(queries::count(pool, &ReportFilter::of("other")).await.unwrap(), 0);
}

#[tokio::test]
async fn pages_go_forward_and_back_over_the_same_rows() {
    let mut tables = Tables::start().await;
    tables.fold(&Reports, &log(), 100).await;
    let pool = tables.test.ledger.pool();
    let all = ReportFilter::of("acme");

    let first = queries::page(pool, &all, &PageRequest::first(2)).await.unwrap();
    let names = |page: &crate::Page<ReportRow>| -> Vec<String> {
        page.edges.iter().map(|edge| edge.row.report.clone()).collect()
    };
    assert_eq!(names(&first), ["stock", "sales"]);
    assert!(first.has_next && !first.has_previous);

    let next = PageRequest::first(2).after(first.edges[1].cursor);
    let second = queries::page(pool, &all, &next).await.unwrap();
    assert_eq!(names(&second), ["risk"]);
    assert!(!second.has_next && second.has_previous);

    let back = PageRequest::last(2).before(second.edges[0].cursor);
    assert_eq!(names(&queries::page(pool, &all, &back).await.unwrap()), ["stock", "sales"]);
}
