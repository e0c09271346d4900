use axum::http::Method;
use proto::v1::attribute_value::Kind;
use proto::v1::{
    AttributeValue, GetDeliveryRequest, GetDistributionRequest, GetReportRequest,
    ListDeliveriesRequest, ListReportsRequest, WithdrawRequest,
};
use schema::Sha256;
use serde_json::json;

use super::world::{Server, described, first, piece, with};

#[tokio::test]
async fn a_version_goes_in_with_its_files_and_everything_reads_back() {
    let server = Server::start().await;
    let mut description = described("v1", &["a.csv", "b.csv"]);
    let text = |text: &str| AttributeValue { kind: Some(Kind::Text(text.to_owned())) };
    description.attributes.insert("region".to_owned(), text("eu"));
    let parts = vec![
        first(description),
        piece("a.csv", "1,2\n", false),
        piece("a.csv", "3,4\n", true),
        piece("b.csv", "5\n", true),
    ];
    let told = server.publish(parts).await.unwrap().into_inner();
    assert!(!told.repeated);

    let at = told.position.to_string();
    let key = format!("Bearer {}", server.api.key);
    let read = [("authorization", key.as_str()), ("waybill-at-least-position", &at)];
    let which = GetDistributionRequest { distribution: told.distribution.clone() };
    let run = server.distributions().get(with(which, &read)).await.unwrap().into_inner();
    assert_eq!((run.report.as_str(), run.version.as_str()), ("risk", "v1"));
    assert_eq!((run.considered, run.planned), (1, 1));
    assert_eq!(run.attributes["region"], text("eu"));
    assert_eq!((run.digest, run.outcomes.unwrap().open), (told.digest, 1));
    assert!(run.received_at.unwrap().seconds > 1_700_000_000);
    assert_eq!(run.withdrawn_at, None);

    let which = ListDeliveriesRequest {
        distribution: Some(told.distribution),
        open: Some(true),
        ..ListDeliveriesRequest::default()
    };
    let page = server.deliveries().list(server.call(which)).await.unwrap().into_inner();
    assert_eq!((page.rows.len(), page.next), (1, None));
    let which = GetDeliveryRequest { delivery: page.rows[0].delivery.clone() };
    let delivery = server.deliveries().get(server.call(which)).await.unwrap().into_inner();
    assert_eq!(delivery, page.rows[0]);
    assert_eq!((delivery.channel.as_str(), delivery.recipient.as_str()), ("webhook", "bob"));

    let digest = Sha256::of(b"1,2\n3,4\n");
    let file = server.api.get(&format!("/v1/artifacts/{digest}")).await;
    assert_eq!(file.text(), "1,2\n3,4\n");
    server.stop().await;
}

#[tokio::test]
async fn reports_are_read_and_versions_withdrawn() {
    let server = Server::start().await;
    let published = server.publish(vec![first(described("v1", &[]))]).await.unwrap().into_inner();
    let which = with(
        GetReportRequest { report: "risk".to_owned() },
        &[
            ("authorization", &format!("Bearer {}", server.api.key)),
            ("waybill-at-least-position", &published.position.to_string()),
        ],
    );
    let report = server.reports().get(which).await.unwrap().into_inner();
    assert_eq!((report.title.as_str(), report.owner.as_str()), ("Risk", "desk"));
    assert_eq!((report.deadline_s, report.retired_at), (86_400, None));
    let which = ListReportsRequest { retired: Some(true), ..ListReportsRequest::default() };
    let none = server.reports().list(server.call(which)).await.unwrap().into_inner();
    assert_eq!(none.rows, []);
    let all = server.reports().list(server.call(ListReportsRequest::default())).await.unwrap();
    assert_eq!(all.into_inner().rows, [report]);

    let order = WithdrawRequest {
        report: "risk".to_owned(),
        version: "v1".to_owned(),
        reason: "wrong prices".to_owned(),
    };
    let done = server.reports().withdraw(server.call(order)).await.unwrap().into_inner();
    assert_eq!(done.distribution, published.distribution);
    assert!(done.position > published.position);
    server.stop().await;
}

#[tokio::test]
async fn the_same_version_by_grpc_and_by_rest_is_one_distribution() {
    let server = Server::start().await;
    let parts = || vec![first(described("v1", &["a.csv"])), piece("a.csv", "1\n", true)];
    let told = server.publish(parts()).await.unwrap().into_inner();
    let again = server.publish(parts()).await.unwrap().into_inner();
    assert!(again.repeated);
    assert_eq!(again.distribution, told.distribution);
    let file =
        json!({ "name": "a.csv", "format": "csv", "sha256": Sha256::of(b"1\n").to_string() });
    let body = json!({ "report": "risk", "version": "v1", "artifacts": [file] });
    let by_rest = server.api.call(&server.api.key, Method::POST, "/v1/reports", body).await.ok(200);
    assert_eq!(by_rest["distribution"], told.distribution);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_call_under_its_key_is_answered_as_the_first_one() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.api.key);
    let metadata = [("authorization", bearer.as_str()), ("idempotency-key", "nightly-7")];
    let parts = || {
        let parts = [first(described("v1", &["a.csv"])), piece("a.csv", "1\n", true)];
        with(tokio_stream::iter(parts), &metadata)
    };
    let told = server.reports().publish(parts()).await.unwrap();
    assert!(told.metadata().get("idempotency-replayed").is_none());
    let again = server.reports().publish(parts()).await.unwrap();
    assert_eq!(again.metadata().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(again.into_inner(), told.into_inner());
    let other = [first(described("v2", &[]))];
    let refused = server.reports().publish(with(tokio_stream::iter(other), &metadata)).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::InvalidArgument);
    server.stop().await;
}
