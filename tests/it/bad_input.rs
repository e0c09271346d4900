use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Api, Scene, answer, files};

/// A request as JSON text, whatever it says.
async fn put_text(api: &Api, path: &str, text: String) -> Answer {
    let request = api.request(Method::PUT, path).header("content-type", "application/json");
    answer(request.body(text)).await
}

/// Asserts what is wrong, what stands there, and what must.
#[track_caller]
fn assert_told(problem: &Value, field: &str, value: &str, rule: &str) {
    let told = ["field", "value", "rule"].map(|name| problem[name].as_str().unwrap_or_default());
    assert_eq!(told, [field, value, rule], "{problem}");
}

#[track_caller]
fn assert_named(problem: &Value, field: &str) {
    assert_eq!(problem["field"], field, "{problem}");
    assert!(problem["rule"].as_str().is_some_and(|rule| rule.len() > 5), "{problem}");
}

/// A multipart publication of one file, as text.
fn multipart(artifact: &Value, content: &str) -> String {
    let said = json!({ "report": "risk", "version": "bad", "artifacts": [artifact] });
    format!(
        "--cut\r\ncontent-disposition: form-data; name=\"report\"\r\n\r\n{said}\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"a.csv\"\r\n\r\n{content}\r\n--cut--\r\n"
    )
}

async fn publish_text(api: &Api, text: String) -> Answer {
    let request = api.request(Method::POST, "/v1/reports");
    let request = request.header("content-type", "multipart/form-data; boundary=cut");
    answer(request.body(text)).await
}

async fn addresses(api: &Api) {
    let path = "/v1/recipients/ada/addresses/home";
    for (channel, value) in [
        ("mail", "ada@it.example\r\nBcc: eve@it.example"),
        ("mail", "ada@xn--a.example"),
        ("mail", "ada"),
        ("webhook", "http://127.0.0.1:8080/in"),
        ("webhook", "http://[::1]/in"),
        ("webhook", "http://169.254.169.254/latest/meta-data"),
        ("webhook", "http://2130706433/in"),
        ("webhook", "ftp://hooks.example/in"),
        ("webhook", "https://user:word@hooks.example/in"),
    ] {
        let body = json!({ "channel": channel, "value": value });
        let problem = api.put(path, &body).await.problem(422, "invalid");
        assert_named(&problem, "value");
        assert_eq!(problem["value"], "***", "an address is not echoed: {problem}");
    }
    let body = json!({ "channel": "pigeon", "value": "loft 4" });
    let problem = api.put(path, &body).await.problem(422, "invalid");
    assert_told(&problem, "channel", "pigeon", "must be one of mail, webhook, inbox");
}

async fn bodies(api: &Api) {
    let path = "/v1/recipients/eve";
    let zone = json!({ "kind": "person", "zone": "Mars/Olympus" });
    let problem = api.put(path, &zone).await.problem(422, "invalid");
    let rule = "must be a time zone of the IANA database, such as Europe/Berlin";
    assert_told(&problem, "zone", "Mars/Olympus", rule);
    let unknown = json!({ "kind": "person", "colour": "red" });
    assert_named(&api.put(path, &unknown).await.problem(422, "invalid"), "colour");
    let nul = "{\"kind\":\"person\",\"name\":\"a\\u0000b\"}".to_owned();
    assert_named(&put_text(api, path, nul).await.problem(422, "invalid"), "body");
    let deep = format!("{{\"kind\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
    assert_named(&put_text(api, path, deep).await.problem(422, "invalid"), "body");
    put_text(api, path, "{\"kind\":".to_owned()).await.problem(400, "malformed");
    let line = json!({ "title": "Risk\r\nBcc: eve@it.example", "owner": "desk" });
    assert_named(&api.put("/v1/reports/risk", &line).await.problem(422, "invalid"), "title");
    let unknown = json!({ "report": "nobody-knows", "version": "v1" });
    let problem = api.post("/v1/reports", &unknown).await.problem(422, "invalid");
    assert_told(&problem, "report", "nobody-knows", "must be a registered report");
}

fn sha256(content: &str) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unfinished(scene: &Scene) -> Vec<PathBuf> {
    files(&Path::new(scene.setting("artifacts.dir")).join(".incoming"))
}

async fn artifacts(scene: &Scene, api: &Api) {
    let artifact = json!({ "name": "a.csv", "format": "csv" });
    let whole = multipart(&artifact, "1,2");
    for length in [20, 150, whole.len() - 20] {
        publish_text(api, whole[..length].to_owned()).await.problem(400, "malformed");
    }
    let empty = publish_text(api, multipart(&artifact, "")).await.problem(422, "invalid");
    assert_told(&empty, "a.csv", "0 bytes", "must have at least one byte");
    let large = publish_text(api, multipart(&artifact, &"x".repeat(2_000))).await;
    let large = large.problem(413, "too_large");
    assert_told(&large, "a.csv", "more than 1000 bytes", "must have at most 1000 bytes");
    let wrong = json!({ "name": "a.csv", "format": "csv", "sha256": "0".repeat(64) });
    let wrong = publish_text(api, multipart(&wrong, "1,2")).await.problem(422, "digest_mismatch");
    let (actual, rule) = (sha256("1,2"), format!("must be the announced {}", "0".repeat(64)));
    assert_told(&wrong, "a.csv", &actual, &rule);
    let of = |name: &str, content: &str| {
        let upload = api.request(Method::POST, "/v1/artifacts");
        answer(upload.header("x-content-sha256", name).body(content.to_owned()))
    };
    let wrong = of(&"0".repeat(64), "1,2").await.problem(422, "digest_mismatch");
    assert_told(&wrong, "sha256", &actual, &rule);
    let empty = of(&"0".repeat(64), "").await.problem(422, "invalid");
    assert_told(&empty, "artifact", "0 bytes", "must have at least one byte");
    let large = of(&"0".repeat(64), &"x".repeat(2_000)).await.problem(413, "too_large");
    assert_told(&large, "artifact", "more than 1000 bytes", "must have at most 1000 bytes");
    let nowhere = json!({ "name": "a.csv", "format": "csv", "sha256": actual });
    let said = json!({ "report": "risk", "version": "bad", "artifacts": [nowhere] });
    let nowhere = api.post("/v1/reports", &said).await.problem(422, "invalid");
    let rule = "must name an artifact uploaded before, or a part must bring its bytes";
    assert_told(&nowhere, "artifacts[0].sha256", &actual, rule);
    assert!(unfinished(scene).is_empty(), "something unfinished lies about");
    publish_text(api, whole).await.ok();
}

async fn stale_and_repeated(api: &Api) {
    let under_key = |body: Value| {
        let request = api.request(Method::PUT, "/v1/reports/weather").json(&body);
        answer(request.header("idempotency-key", "k-1"))
    };
    let body = json!({ "title": "Weather", "owner": "desk" });
    let first = under_key(body.clone()).await.ok();
    assert_eq!(under_key(body).await.ok()["position"], first["position"]);
    let other = json!({ "title": "Climate", "owner": "desk" });
    under_key(other.clone()).await.problem(422, "idempotency_key_reused");
    let request = api.request(Method::PUT, "/v1/reports/weather").json(&other);
    let stale = answer(request.header("if-match", "\"7\"")).await.problem(412, "stale");
    assert_eq!(stale["field"], "If-Match");
}

async fn graphql_bombs(api: &Api) {
    let deep = format!("{{ viewer {}{} }}", "{ a ".repeat(500), "}".repeat(500));
    let aliases: String = (0..500).map(|n| format!("a{n}: viewer {{ __typename }} ")).collect();
    let wide = "query { deliveries(first: 200) { edges { node { timeline { type } } } } }";
    let wide = wide.replace("timeline { type }", &"timeline { type summary actor } ".repeat(60));
    let circle = "fragment a on Query { ...b } fragment b on Query { ...a } { ...a }";
    for (query, code) in [
        (deep.as_str(), "TOO_COMPLEX"),
        (&format!("{{ {aliases} }}"), "TOO_COMPLEX"),
        (&wide, "TOO_COMPLEX"),
        (circle, "BAD_INPUT"),
        ("{ viewer { nobodyKnows } }", "BAD_INPUT"),
        ("{ deliveries(first: 100000) { totalCount } }", "BAD_INPUT"),
    ] {
        let said = api.graphql(query, &json!({})).await;
        let found = &said["errors"][0]["extensions"]["code"];
        assert_eq!(found, code, "{}: {said}", &query[..query.len().min(60)]);
        assert!(said.get("data").is_none_or(Value::is_null), "{said}");
    }
}

#[tokio::test]
async fn bad_input_is_named_and_leaves_the_service_as_it_was() {
    let scene = Scene::set().await.with("webhook.allow", "[]").with("artifacts.max_bytes", 1_000);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    api.put("/v1/recipients/ada", &json!({ "kind": "person" })).await.ok();
    let count = "select count(*) from events where $1 = $1";
    let before = scene.count(count, "").await;
    addresses(&api).await;
    bodies(&api).await;
    graphql_bombs(&api).await;
    assert_eq!(scene.count(count, "").await, before, "something was half done");
    artifacts(&scene, &api).await;
    stale_and_repeated(&api).await;
    assert_eq!(node.readiness().await.0, 200);
    api.get("/v1/recipients/ada").await.ok();
    assert_eq!(node.terminate().await, Some(0));
}

#[tokio::test]
async fn without_a_key_nothing_is_answered_and_a_wrong_one_is_not_repeated() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let wrong = format!("{key}x");
    for key in ["", "wb_none_such", &wrong] {
        let api = Api::of(&node, key);
        let problem = api.get("/v1/recipients").await.problem(401, "unauthenticated");
        assert!(key.is_empty() || !problem.to_string().contains(key), "{problem}");
        let said = api.graphql("{ viewer { __typename } }", &json!({})).await;
        assert_eq!(said["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{said}");
    }
    assert!(!node.log().contains(&wrong));
}
