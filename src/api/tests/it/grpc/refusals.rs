use std::time::Duration;

use proto::v1::{GetDistributionRequest, GetReportRequest, PublishRequest};
use schema::Sha256;
use schema::events::Scope;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::world::{Server, described, first, piece, with};

/// The reason, and which field breaks which rule.
fn told(status: &Status) -> (Code, String, Option<(String, String)>) {
    let details = status.get_error_details();
    let reason = details.error_info().unwrap().reason.clone();
    let violation = details.bad_request().and_then(|bad| bad.field_violations.first().cloned());
    (status.code(), reason, violation.map(|wrong| (wrong.field, wrong.description)))
}

fn refusal(
    code: Code,
    reason: &str,
    field: &str,
    rule: &str,
) -> (Code, String, Option<(String, String)>) {
    (code, reason.to_owned(), Some((field.to_owned(), rule.to_owned())))
}

async fn refused(
    server: &Server,
    parts: Vec<PublishRequest>,
) -> (Code, String, Option<(String, String)>) {
    let before = server.api.event_count().await;
    let status = server.publish(parts).await.unwrap_err();
    assert_eq!(server.api.event_count().await, before, "{status}");
    told(&status)
}

#[tokio::test]
async fn callers_without_a_key_or_its_scope_are_turned_away() {
    let server = Server::start().await;
    let parts =
        || tokio_stream::iter([first(described("v1", &["a.csv"])), piece("a.csv", "1", true)]);
    let nobody = server.reports().publish(parts()).await.unwrap_err();
    assert_eq!(told(&nobody), (Code::Unauthenticated, "unauthenticated".to_owned(), None));
    let reader = server.api.key_of(crate::support::ACME, &[Scope::Read]).await;
    let bearer = format!("Bearer {reader}");
    let call = with(parts(), &[("authorization", &bearer)]);
    let reader = server.reports().publish(call).await.unwrap_err();
    assert_eq!(
        (reader.code(), told(&reader).1.as_str()),
        (Code::PermissionDenied, "scope_missing")
    );
    server.stop().await;
}

#[tokio::test]
async fn what_rest_refuses_is_refused_with_the_same_words() {
    let server = Server::start().await;
    let invalid = |field: &str, rule: &str| refusal(Code::InvalidArgument, "invalid", field, rule);

    let mut wrong = described("v1", &["a.csv"]);
    wrong.artifacts[0].format = "docx".to_owned();
    let (code, reason, violation) = refused(&server, vec![first(wrong)]).await;
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "invalid"));
    assert_eq!(violation.unwrap().0, "artifacts[0].format");

    let missing = refused(&server, vec![first(described("v1", &["a.csv"]))]).await;
    assert_eq!(
        (missing.0, missing.2.unwrap().0.as_str()),
        (Code::InvalidArgument, "artifacts[0].sha256")
    );

    let mut announced = described("v1", &["a.csv"]);
    announced.artifacts[0].sha256 = Some(Sha256::of(b"other").to_string());
    let differs = refused(&server, vec![first(announced), piece("a.csv", "1", true)]).await;
    assert_eq!((differs.0, differs.1.as_str()), (Code::InvalidArgument, "digest_mismatch"));

    let large = "x".repeat(5000);
    let too_large =
        refused(&server, vec![first(described("v1", &["a.csv"])), piece("a.csv", &large, true)])
            .await;
    assert_eq!((too_large.0, too_large.1.as_str()), (Code::ResourceExhausted, "too_large"));

    let which = GetDistributionRequest { distribution: "x".to_owned() };
    let no_id = server.distributions().get(server.call(which)).await.unwrap_err();
    assert_eq!(told(&no_id).0, Code::InvalidArgument);
    for name in ["..", "a/b", "%2e", "?"] {
        let which = GetReportRequest { report: name.to_owned() };
        let status = server.reports().get(server.call(which)).await.unwrap_err();
        assert_eq!(
            (status.code(), told(&status).2.unwrap().0.as_str()),
            (Code::InvalidArgument, "report"),
            "{name}"
        );
    }
    let nameless =
        server.reports().get(server.call(GetReportRequest::default())).await.unwrap_err();
    assert_eq!(told(&nameless), invalid("report", "must be given"));
    let which = GetReportRequest { report: "none".to_owned() };
    let none = server.reports().get(server.call(which)).await.unwrap_err();
    assert_eq!((none.code(), told(&none).1.as_str()), (Code::NotFound, "not_found"));

    server.publish(vec![first(described("v1", &[]))]).await.unwrap();
    let other =
        refused(&server, vec![first(described("v1", &["a.csv"])), piece("a.csv", "1", true)]).await;
    assert_eq!((other.0, other.1.as_str()), (Code::AlreadyExists, "version_differs"));
    server.stop().await;
}

#[tokio::test]
async fn pieces_out_of_place_are_named() {
    let server = Server::start().await;
    let invalid = |field: &str, rule: &str| refusal(Code::InvalidArgument, "invalid", field, rule);
    let both = || first(described("v1", &["a.csv", "b.csv"]));
    let begins = "must be `description` in the first message";
    assert_eq!(refused(&server, vec![]).await, invalid("part", begins));
    assert_eq!(refused(&server, vec![piece("a.csv", "1", true)]).await, invalid("part", begins));
    let twice = refused(&server, vec![both(), both()]).await;
    assert_eq!(twice, invalid("part", "must come once, in the first message"));
    let empty = refused(&server, vec![both(), PublishRequest::default()]).await;
    assert_eq!(empty, invalid("part", "must be `description` or `piece`"));
    let unnamed = refused(&server, vec![both(), piece("c.csv", "1", true)]).await;
    assert_eq!(unnamed, invalid("piece.name", "must be named in `artifacts`"));
    let mixed =
        refused(&server, vec![both(), piece("a.csv", "1", false), piece("b.csv", "1", true)]).await;
    assert_eq!(mixed, invalid("piece.name", "must be \"a.csv\" until its last piece"));
    let again =
        refused(&server, vec![both(), piece("a.csv", "1", true), piece("a.csv", "2", true)]).await;
    assert_eq!(again, invalid("piece.name", "must not come again after its last piece"));
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_ends_or_breaks_half_way_publishes_nothing() {
    let server = Server::start().await;
    let half = || [first(described("v1", &["a.csv"])), piece("a.csv", "1,2\n", false)];
    let ended = refused(&server, half().to_vec()).await;
    let rule = "must be true on the last piece of \"a.csv\"";
    assert_eq!(ended, refusal(Code::InvalidArgument, "invalid", "piece.last", rule));

    let before = server.api.event_count().await;
    let (sender, parts) = mpsc::channel(4);
    for part in half() {
        sender.send(part).await.unwrap();
    }
    let (mut client, call) = (server.reports(), server.call(ReceiverStream::new(parts)));
    let mut under_way = tokio::spawn(async move { client.publish(call).await });
    let patience = Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, &mut under_way).await.is_err(), "answered early");
    under_way.abort();
    assert!(under_way.await.unwrap_err().is_cancelled());
    drop(sender);
    let Server { api, .. } = &server;
    assert_eq!(api.event_count().await, before);
    let digest = Sha256::of(b"1,2\n");
    assert_eq!(api.get(&format!("/v1/artifacts/{digest}")).await.status, 404);
    server.stop().await;
}
