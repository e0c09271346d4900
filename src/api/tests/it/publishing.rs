use axum::body::Body;
use axum::http::{Method, Request};
use schema::Sha256;
use serde_json::{Value, json};

use crate::support::{Answer, Api};

pub const BOUNDARY: &str = "b0undary";

pub fn part(name: &str, content: &str) -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n{content}\r\n"
    )
}

pub async fn multipart(api: &Api, body: String, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/v1/reports")
        .header("authorization", format!("Bearer {}", api.key))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::from(body)).unwrap()).await
}

pub fn end() -> String {
    format!("--{BOUNDARY}--\r\n")
}

fn version(name: &str, artifacts: &Value) -> String {
    json!({ "report": "risk", "version": name, "artifacts": artifacts }).to_string()
}

#[tokio::test]
async fn a_version_published_twice_is_one_distribution() {
    let api = Api::start().await;
    api.audience().await;
    let body = json!({ "report": "risk", "version": "v1", "attributes": { "region": "eu" } });
    let first = api.post("/v1/reports", body.clone()).await;
    let told = first.ok(201);
    assert_eq!(told["repeated"], false);
    let count = api.event_count().await;
    let again = api.post("/v1/reports", body).await.ok(200);
    assert_eq!(again["repeated"], true);
    assert_eq!(again["distribution"], told["distribution"]);
    assert_eq!(api.event_count().await, count);
    assert_eq!(first.header("waybill-position"), first.position().to_string());
    let path = first.header("location").to_owned();
    let view = api.get(&format!("{path}?at_least_position={}", first.position())).await.ok(200);
    assert_eq!((&view["planned"], &view["considered"]), (&json!(1), &json!(1)));
    assert_eq!(view["outcomes"]["open"], 1);
    assert_eq!(view["attributes"], json!({ "region": "eu" }));
}

#[tokio::test]
async fn the_same_version_with_other_content_is_refused_and_a_correction_is_taken() {
    let api = Api::start().await;
    api.audience().await;
    let body = |version: &str, price: i64| {
        let attributes = json!({ "price": price });
        json!({ "report": "risk", "version": version, "attributes": attributes })
    };
    api.post("/v1/reports", body("v1", 1)).await.ok(201);
    let problem = api.post("/v1/reports", body("v1", 2)).await.problem(409);
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("version_differs"), &json!("version"))
    );
    assert!(problem["detail"].as_str().unwrap().contains("`corrects`"), "{problem}");
    let mut correction = body("v2", 2);
    correction["corrects"] = "v1".into();
    let taken = api.post("/v1/reports", correction).await;
    let distribution = taken.ok(201)["distribution"].clone();
    let id = schema::DistributionId::of(
        &"acme".parse().unwrap(),
        &"risk".parse().unwrap(),
        &"v1".parse().unwrap(),
    );
    assert_ne!(distribution, id.to_string());
    let path = format!("/v1/distributions/{id}?at_least_position={}", taken.position());
    assert_eq!(api.get(&path).await.ok(200)["corrected_by"], "v2");
}

#[tokio::test]
async fn files_come_in_parts_and_are_handed_out_as_they_came() {
    let api = Api::start().await;
    api.audience().await;
    let content = "a,b\r\n1,2\r\n--b0und\r\n".repeat(40);
    let digest = Sha256::of(content.as_bytes());
    let said = version(
        "v1",
        &json!([
            { "name": "risk.csv", "format": "csv", "sha256": digest.to_string() },
            { "name": "note.txt", "format": "text" },
        ]),
    );
    let body =
        part("report", &said) + &part("risk.csv", &content) + &part("note.txt", "hi") + &end();
    let told = multipart(&api, body.clone(), &[]).await.ok(201);
    assert_eq!(multipart(&api, body, &[]).await.ok(200)["distribution"], told["distribution"]);
    let answer = api.get(&format!("/v1/artifacts/{digest}")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, content.clone()));
    assert_eq!(answer.header("content-length"), content.len().to_string());
    assert_eq!(answer.header("etag"), format!("\"{digest}\""));
}

#[tokio::test]
async fn a_file_uploaded_before_is_named_by_its_digest() {
    let api = Api::start().await;
    api.audience().await;
    let upload = Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", api.key))
        .header("x-content-sha256", Sha256::of(b"%PDF").to_string());
    let answer = api.send(upload.body(Body::from("%PDF")).unwrap()).await;
    let told = answer.ok(201);
    assert_eq!(told, json!({ "sha256": Sha256::of(b"%PDF").to_string(), "size_bytes": 4 }));
    let artifacts = json!([{ "name": "risk.pdf", "format": "pdf", "sha256": told["sha256"] }]);
    let body = json!({ "report": "risk", "version": "v1", "artifacts": artifacts });
    api.post("/v1/reports", body).await.ok(201);
}

#[tokio::test]
async fn a_withdrawn_version_says_so_and_why() {
    let api = Api::start().await;
    api.audience().await;
    let published = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await;
    let path = published.header("location").to_owned();
    let seen = api.get(&format!("{path}?at_least_position={}", published.position())).await;
    let tag = seen.header("etag").to_owned();
    let withdraw = "/v1/reports/risk/versions/v1/withdraw";
    let body = json!({ "reason": "wrong prices" });
    let stale = api.with(Method::POST, withdraw, body.clone(), &[("if-match", "\"1\"")]).await;
    assert_eq!(stale.problem(412)["code"], "stale");
    let done = api.with(Method::POST, withdraw, body.clone(), &[("if-match", &tag)]).await;
    done.ok(200);
    api.post(withdraw, body.clone()).await.ok(200);
    let view = api.get(&format!("{path}?at_least_position={}", done.position())).await.ok(200);
    assert!(view["withdrawn_at"].is_string(), "{view}");
    let unknown = api.post("/v1/reports/risk/versions/v9/withdraw", body).await;
    assert_eq!(unknown.problem(404)["code"], "not_found");
}

#[tokio::test]
async fn a_retired_report_takes_no_version() {
    let api = Api::start().await;
    api.audience().await;
    let first = api.get("/v1/reports/risk?at_least_position=1").await;
    assert_eq!(first.header("etag"), "\"1\"");
    api.delete("/v1/reports/risk?reason=replaced").await.ok(200);
    let problem =
        api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("report"), &json!("risk")));
    let again = api.put("/v1/reports/risk", json!({ "title": "Risk", "owner": "desk" })).await;
    assert_eq!(again.problem(409)["rule"], "report_retired");
    let view = api.get("/v1/reports/risk?at_least_position=1").await.ok(200);
    assert_eq!(view["retire_reason"], "replaced");
}
