//! Bad input: an error that names field, value and rule; nothing lost or half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use schema::Sha256;
use serde_json::{Value, json};

use crate::publishing::{BOUNDARY, end, multipart, part};
use crate::support::{Api, request};

fn published(artifacts: &Value) -> String {
    json!({ "report": "risk", "version": "v1", "artifacts": artifacts }).to_string()
}

#[track_caller]
fn assert_named(problem: &Value, field: &str, value: &str) {
    assert_eq!(problem["field"], field, "{problem}");
    assert_eq!(problem["value"], value, "{problem}");
    assert!(problem["rule"].is_string(), "{problem}");
}

#[tokio::test]
async fn a_truncated_multipart_is_malformed_and_leaves_nothing() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    let said = published(&json!([{ "name": "a.csv", "format": "csv" }]));
    let whole = part("report", &said) + &part("a.csv", &"1,2\n".repeat(100)) + &end();
    for length in [0, 30, 120, whole.len() - 200, whole.len() - 20] {
        let problem = multipart(&api, whole[..length].to_owned(), &[]).await.problem(400);
        assert_eq!(problem["code"], "malformed", "cut at {length}");
        let field = if length > whole.len() - 300 { "a.csv" } else { "body" };
        assert_named(&problem, field, &format!("broken after {length} bytes"));
    }
    assert_eq!(api.event_count().await, before);
    multipart(&api, whole, &[]).await.ok(201);
}

#[tokio::test]
async fn parts_that_nobody_announced_or_that_come_twice_are_refused() {
    let api = Api::start().await;
    api.audience().await;
    let said = published(&json!([{ "name": "a.csv", "format": "csv" }]));
    let stranger = part("report", &said) + &part("b.csv", "1") + &end();
    assert_named(&multipart(&api, stranger, &[]).await.problem(422), "part", "b.csv");
    let twice = part("report", &said) + &part("a.csv", "1") + &part("a.csv", "2") + &end();
    assert_named(&multipart(&api, twice, &[]).await.problem(422), "part", "a.csv");
    let late = part("a.csv", "1") + &part("report", &said) + &end();
    let late = multipart(&api, late, &[]).await.problem(400);
    assert_eq!(late["code"], "malformed");
    assert_named(&late, "part", "a.csv");
    let missing = part("report", &said) + &end();
    let problem = multipart(&api, missing, &[]).await.problem(422);
    assert_named(&problem, "artifacts[0].sha256", "");
}

#[tokio::test]
async fn a_file_that_is_not_what_was_announced_is_refused() {
    let api = Api::start().await;
    api.audience().await;
    let wrong = Sha256::of(b"other").to_string();
    let said = published(&json!([{ "name": "a.csv", "format": "csv", "sha256": wrong }]));
    let body = part("report", &said) + &part("a.csv", "1,2") + &end();
    assert_eq!(multipart(&api, body, &[]).await.problem(422)["code"], "digest_mismatch");
    let empty = part("report", &published(&json!([{ "name": "a.csv", "format": "csv" }])));
    let empty = empty + &part("a.csv", "") + &end();
    assert_named(&multipart(&api, empty, &[]).await.problem(422), "a.csv", "0 bytes");
    let large = part("report", &published(&json!([{ "name": "a.csv", "format": "csv" }])));
    let large = large + &part("a.csv", &"x".repeat(5000)) + &end();
    let large = multipart(&api, large, &[]).await.problem(413);
    assert_eq!(large["code"], "too_large");
    assert_named(&large, "a.csv", "more than 4096 bytes");
    let long = "x".repeat(2_000_000);
    let long = multipart(&api, part("report", &long) + &end(), &[]).await.problem(413);
    assert_named(&long, "report", "more than 1048576 bytes");
}

/// Bytes of a body that were taken, of so many that are there.
async fn taken_of(api: &Api, head: String, filler: &'static [u8]) -> (usize, Value) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let count = move |bytes: Bytes| {
        counter.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(bytes)
    };
    let endless = (0..10 * 1024 * 1024 / filler.len()).map(|_| Bytes::from_static(filler));
    let body = std::iter::once(Bytes::from(head)).chain(endless).map(count);
    let request = Request::post("/v1/reports")
        .header("authorization", format!("Bearer {}", api.key))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from_stream(futures::stream::iter(body)))
        .unwrap();
    let problem = api.send(request).await.problem(413);
    (taken.load(Ordering::Relaxed), problem)
}

#[tokio::test]
async fn what_comes_before_a_part_is_not_gathered_without_end() {
    let api = Api::start().await;
    api.audience().await;
    let said = published(&json!([{ "name": "a.csv", "format": "csv" }]));
    let head = format!("--{BOUNDARY}\r\nX-Long: ");
    for (name, head) in [
        ("a preamble", String::new()),
        ("the first part's head", head.clone()),
        ("a later part's head", part("report", &said) + &head),
    ] {
        let (taken, problem) = taken_of(&api, head, &[b'x'; 16 * 1024]).await;
        assert_named(&problem, "body", "more than 65536 bytes");
        assert!(taken <= 256 * 1024, "{name}: {taken} bytes were taken in");
    }
    // A whole one is read, however large its pieces are.
    let whole = "p".repeat(60_000) + "\r\n" + &part("report", &said);
    let whole = whole + &part("a.csv", &"1,2\n".repeat(1000)) + &end();
    multipart(&api, whole, &[]).await.ok(201);
}

#[tokio::test]
async fn an_upload_is_checked_in_the_same_way() {
    let api = Api::start().await;
    let upload = |header: &'static str, value: String, body: String| {
        let request = Request::post("/v1/artifacts")
            .header("authorization", format!("Bearer {}", api.key))
            .header(header, value);
        api.send(request.body(Body::from(body)).unwrap())
    };
    let wrong = Sha256::of(b"other").to_string();
    let mismatch = upload("x-content-sha256", wrong, "this".to_owned()).await;
    assert_eq!(mismatch.problem(422)["code"], "digest_mismatch");
    let form = upload("content-digest", "sha-256=nonsense".to_owned(), "this".to_owned()).await;
    assert_named(&form.problem(422), "Content-Digest", "sha-256=nonsense");
    let empty = upload("x-none", "1".to_owned(), String::new()).await;
    assert_named(&empty.problem(422), "artifact", "0 bytes");
    let large = upload("x-none", "1".to_owned(), "x".repeat(5000)).await;
    assert_named(&large.problem(413), "artifact", "more than 4096 bytes");
    let unknown = api.get(&format!("/v1/artifacts/{}", Sha256::of(b"never"))).await;
    assert_eq!(unknown.problem(404)["code"], "not_found");
    assert_eq!(api.get("/v1/artifacts/xyz").await.problem(422)["field"], "sha256");
}

#[tokio::test]
async fn what_a_publication_names_must_be_there() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    let post = |body: Value| async { api.post("/v1/reports", body).await.problem(422) };
    let unknown = post(json!({ "report": "nope", "version": "v1" })).await;
    assert_named(&unknown, "report", "nope");
    let name = post(json!({ "report": "ri sk", "version": "v1" })).await;
    assert_named(&name, "report", "ri sk");
    let format = json!([{ "name": "a", "format": "docx" }]);
    let format = post(json!({ "report": "risk", "version": "v1", "artifacts": format })).await;
    assert_named(&format, "artifacts[0].format", "docx");
    let digest = Sha256::of(b"never").to_string();
    let missing = json!([{ "name": "a.csv", "format": "csv", "sha256": digest }]);
    let missing = post(json!({ "report": "risk", "version": "v1", "artifacts": missing })).await;
    assert_named(&missing, "artifacts[0].sha256", &digest);
    let corrects = post(json!({ "report": "risk", "version": "v2", "corrects": "v1" })).await;
    assert_named(&corrects, "corrects", "v1");
    let float =
        post(json!({ "report": "risk", "version": "v1", "attributes": { "p": 1.5 } })).await;
    assert_eq!(float["field"], "attributes.p");
    assert_eq!(api.event_count().await, before);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_apart() {
    let api = Api::start().await;
    let send = |content_type: &'static str, body: String| {
        let request = Request::put("/v1/reports/risk")
            .header("authorization", format!("Bearer {}", api.key))
            .header("content-type", content_type);
        api.send(request.body(Body::from(body)).unwrap())
    };
    let json = "application/json";
    let text = send("text/plain", "{}".into()).await.problem(415);
    assert_eq!(text["code"], "unsupported_media_type");
    assert_named(&text, "Content-Type", "text/plain");
    let broken = send(json, "{\"title\":".into()).await.problem(400);
    assert_eq!(broken["code"], "malformed");
    assert_named(&broken, "body", "line 1 column 9");
    let kind = send(json, json!({ "title": ["canary"], "owner": "o" }).to_string()).await;
    assert_named(&kind.problem(422), "title", "sequence");
    let kind = send(json, json!({ "title": 4711, "owner": "o" }).to_string()).await;
    assert_named(&kind.problem(422), "title", "integer");
    assert_eq!(kind.problem(422)["rule"], "must be a string");
    assert!(!kind.text().contains("4711"), "{}", kind.text());
    let unknown = send(json, json!({ "title": "t", "owner": "o", "x": 1 }).to_string()).await;
    assert_named(&unknown.problem(422), "x", "x");
    let deep = format!("{{\"title\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(send(json, deep).await.problem(422)["field"], "body");
    assert_eq!(
        send(json, "{\"title\":\"a\\u0000\",\"owner\":\"o\"}".into()).await.problem(422)["rule"],
        "must not contain NUL"
    );
    let line = send(json, json!({ "title": "a\r\nBcc: x", "owner": "o" }).to_string()).await;
    assert_eq!(line.problem(422)["field"], "title");
    let large = json!({ "title": "x".repeat(2_000_000), "owner": "o" }).to_string();
    let large = send(json, large).await.problem(413);
    assert_eq!(large["code"], "too_large");
    assert_named(&large, "body", "more than 1048576 bytes");
    let deadline = json!({ "title": "t", "owner": "o", "deadline_s": 0 }).to_string();
    assert_named(&send(json, deadline).await.problem(422), "deadline_s", "0");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let api = Api::start().await;
    let broken = futures::stream::iter([
        Ok::<_, std::io::Error>("{\"title\":"),
        Err(std::io::Error::other("connection reset")),
    ]);
    let request = Request::put("/v1/reports/risk")
        .header("authorization", format!("Bearer {}", api.key))
        .header("content-type", "application/json")
        .body(Body::from_stream(broken))
        .unwrap();
    let problem = api.send(request).await.problem(400);
    assert_eq!(problem["code"], "malformed");
    assert_named(&problem, "body", "broken off");
}

#[tokio::test]
async fn queries_and_headers_are_read_strictly() {
    let api = Api::start().await;
    for (path, field, value) in [
        ("/v1/reports?limti=5", "limti", "limti"),
        ("/v1/reports?limit=0", "limit", "0"),
        ("/v1/reports?limit=201", "limit", "201"),
        ("/v1/reports?limit=many", "limit", "many"),
        ("/v1/reports?limit=1&limit=2", "limit", ""),
        ("/v1/reports?after=nonsense", "after", "nonsense"),
        ("/v1/reports?at_least_position=-1", "at_least_position", "-1"),
        ("/v1/recipients?retired=perhaps", "retired", "perhaps"),
        ("/v1/recipients?address=canary&address=canary", "address", ""),
        ("/v1/subscriptions?state=asleep", "state", "asleep"),
        ("/v1/deliveries?channel=pigeon", "channel", "pigeon"),
        ("/v1/deliveries?outcome=lost", "outcome", "lost"),
        ("/v1/deliveries/not-a-uuid", "delivery", "not-a-uuid"),
        ("/v1/reports/ri%20sk", "report", "ri sk"),
    ] {
        let problem = api.get(path).await.problem(422);
        assert_eq!(problem["code"], "invalid", "{path}");
        assert_named(&problem, field, value);
    }
    let utf8 = api.get("/v1/reports/%ff").await;
    assert_eq!(utf8.problem(400)["code"], "malformed");
    assert_named(&utf8.problem(400), "path", "/v1/reports/%ff");
    let body = json!({ "title": "t", "owner": "o" });
    let tag =
        api.with(Method::PUT, "/v1/reports/risk", body.clone(), &[("if-match", "seven")]).await;
    assert_named(&tag.problem(422), "If-Match", "seven");
    let key = api
        .with(Method::PUT, "/v1/reports/risk", body.clone(), &[("idempotency-key", "a b")])
        .await;
    assert_named(&key.problem(422), "Idempotency-Key", "a b");
}

#[tokio::test]
async fn too_much_at_once_is_shed_and_probes_are_answered() {
    let api = Api::start_with(|config| config.request_limit = 1).await;
    let (hold, held) = tokio::sync::oneshot::channel::<()>();
    let waiting = futures::stream::once(async move {
        held.await.ok();
        Ok::<_, std::io::Error>("x")
    });
    let slow = Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", api.key))
        .body(Body::from_stream(waiting))
        .unwrap();
    let mut slow = Box::pin(api.send(slow));
    assert!(futures::poll!(&mut slow).is_pending());
    let shed = api.get("/v1/reports").await;
    assert_eq!(shed.problem(503)["code"], "overloaded");
    assert_eq!(shed.header("retry-after"), "1");
    let probe = api.send(request("", Method::GET, "/healthz", None, &[])).await;
    assert_eq!(probe.ok(200)["status"], "ok");
    hold.send(()).unwrap();
    slow.await.ok(201);
}
