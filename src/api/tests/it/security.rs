//! Every route the description has × every way of not being allowed. The routes come from the document, the scopes from
//! the table; neither can forget the other.

use axum::body::Body;
use axum::http::{Method, Request};
use schema::events::{ApiKeyEvent, Scope};
use schema::{ApiKeyId, StreamId, TenantId, Timestamp};
use serde_json::{Value, json};
use waybill_api::{ACCESS, Access};

use crate::support::{ACME, Answer, Api, request};

/// Routes that are not operations of the REST API: its description and browser, and GraphQL, which describes itself.
const UNDESCRIBED: [&str; 4] = ["/openapi.json", "/docs", "/graphql", "/graphiql"];

fn operations(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
    };
    paths.iter().flat_map(|entry| of_path(entry).collect::<Vec<_>>()).collect()
}

/// The path with a value for each parameter: things that exist in [`ACME`], where there are such.
fn filled(path: &str) -> String {
    path.replace("{report}", "risk")
        .replace("{version}", "v1")
        .replace("{recipient}", "bob")
        .replace("{address}", "hook")
        .replace("{grant}", "all")
        .replace("{subscription}", "bob-risk")
        .replace("{distribution}", "018f0000-0000-8000-8000-000000000000")
        .replace("{delivery}", "018f0000-0000-8000-8000-000000000000")
        .replace("{sha256}", &"a".repeat(64))
        .replace("{key}", "some-key")
        .replace("{token}", "x.y")
}

async fn knock(api: &Api, key: &str, method: &Method, path: &str) -> Answer {
    let body = (*method != Method::GET).then(|| json!({}));
    api.send(request(key, method.clone(), &filled(path), body, &[])).await
}

#[tokio::test]
async fn the_description_and_the_table_of_scopes_name_the_same_routes() {
    let mut described = operations(&waybill_api::openapi());
    let mut tabled: Vec<(Method, String)> = ACCESS
        .iter()
        .filter(|(_, path, _)| !UNDESCRIBED.iter().any(|start| path.starts_with(start)))
        .map(|(method, path, _)| (method.clone(), (*path).to_owned()))
        .collect();
    let key = |(method, path): &(Method, String)| format!("{path} {method}");
    described.sort_by_key(key);
    tabled.sort_by_key(key);
    assert_eq!(described, tabled);
}

#[tokio::test]
async fn every_route_refuses_whoever_is_not_allowed() {
    let api = Api::start().await;
    let expired = api.key_until(ACME, &Scope::ALL, Some(Timestamp::from_unix_micros(1))).await;
    let revoked = api.key_of(ACME, &Scope::ALL).await;
    revoke(&api, &revoked).await;
    let wrong_secret = format!("{}x", api.key);
    let unknown = "wb_nobody_c2VjcmV0".to_owned();
    let mut checked = 0;
    for (method, path, asked) in ACCESS {
        let (Access::Needs(scope) | Access::Installation(scope)) = *asked else { continue };
        for key in ["", "garbage", &expired, &revoked, &wrong_secret, &unknown] {
            let answer = knock(&api, key, method, path).await;
            assert_eq!(answer.problem(401)["code"], "unauthenticated", "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let lacking = api.key_of(ACME, &others).await;
        let problem = knock(&api, &lacking, method, path).await.problem(403);
        assert_eq!(problem["code"], "scope_missing", "{method} {path}");
        assert_eq!(problem["rule"], scope.as_str(), "{method} {path}");
        checked += 1;
    }
    assert!(checked > 30, "only {checked} routes need a key");
}

async fn revoke(api: &Api, key: &str) {
    let id = ApiKeyId::try_new(key.split('_').nth(1).unwrap()).unwrap();
    let stream = StreamId::api_key(&TenantId::try_new(ACME).unwrap(), &id);
    let revoked = ApiKeyEvent::ApiKeyRevoked { reason: "test".to_owned() };
    api.append(ACME, stream, vec![revoked.into()]).await;
}

#[tokio::test]
async fn another_tenants_things_do_not_exist() {
    let api = Api::start().await;
    api.audience().await;
    let published = api.post("/v1/reports", json!({ "report": "risk", "version": "v1" })).await;
    let distribution = published.ok(201)["distribution"].as_str().unwrap().to_owned();
    let list = format!("/v1/deliveries?at_least_position={}", published.position());
    let delivery = api.get(&list).await.ok(200)["rows"][0]["delivery"].as_str().unwrap().to_owned();
    let digest = upload(&api).await;
    let key = api.post("/v1/keys", json!({ "title": "k", "scopes": ["read"] })).await.ok(201);
    let key = key["key"].as_str().unwrap();
    api.tenant("rival").await;
    let rival = api.key_of("rival", &Scope::ALL).await;
    for path in [
        "/v1/reports/risk".to_owned(),
        "/v1/recipients/bob".to_owned(),
        "/v1/subscriptions/bob-risk".to_owned(),
        format!("/v1/distributions/{distribution}"),
        format!("/v1/deliveries/{delivery}"),
        format!("/v1/artifacts/{digest}"),
        format!("/v1/keys/{key}"),
    ] {
        let answer = api.send(request(&rival, Method::GET, &path, None, &[])).await;
        assert_eq!(answer.problem(404)["code"], "not_found", "{path}");
        let own = api.get(&format!("{path}?at_least_position=1")).await;
        assert_eq!(own.status, 200, "{path}");
    }
    let before = api.event_count().await;
    for (method, path, body) in [
        (Method::DELETE, "/v1/reports/risk".to_owned(), None),
        (Method::DELETE, "/v1/recipients/bob".to_owned(), None),
        (Method::DELETE, "/v1/recipients/bob/addresses/hook".to_owned(), None),
        (Method::DELETE, "/v1/recipients/bob/entitlements/all".to_owned(), None),
        (Method::POST, "/v1/subscriptions/bob-risk/resume".to_owned(), None),
        (
            Method::POST,
            "/v1/subscriptions/bob-risk/pause".to_owned(),
            Some(json!({ "reason": "x" })),
        ),
        (
            Method::POST,
            "/v1/subscriptions/bob-risk/unsubscribe".to_owned(),
            Some(json!({ "reason": "x" })),
        ),
        (
            Method::POST,
            "/v1/reports/risk/versions/v1/withdraw".to_owned(),
            Some(json!({ "reason": "x" })),
        ),
        (Method::POST, format!("/v1/deliveries/{delivery}/cancel"), Some(json!({ "reason": "x" }))),
        (Method::POST, format!("/v1/deliveries/{delivery}/resend"), None),
        (
            Method::POST,
            format!("/v1/deliveries/{delivery}/resolve"),
            Some(json!({ "attempt": 1, "resolution": "arrived", "note": "x" })),
        ),
        (Method::DELETE, format!("/v1/keys/{key}"), None),
    ] {
        let answer = api.send(request(&rival, method.clone(), &path, body, &[])).await;
        assert_eq!(answer.problem(404)["code"], "not_found", "{method} {path}");
    }
    assert_eq!(api.event_count().await, before);
    for path in
        ["/v1/reports", "/v1/recipients", "/v1/subscriptions", "/v1/deliveries", "/v1/pauses"]
    {
        let answer = api.send(request(&rival, Method::GET, path, None, &[])).await;
        assert_eq!(answer.ok(200)["rows"], json!([]), "{path}");
    }
}

async fn upload(api: &Api) -> String {
    let request = Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", api.key))
        .body(Body::from("of acme"))
        .unwrap();
    api.send(request).await.ok(201)["sha256"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_the_installations_own_key_sees_the_metrics() {
    let api = Api::start().await;
    assert_eq!(api.get("/metrics").await.problem(403)["code"], "scope_missing");
    api.tenant("system").await;
    let system = api.key_of("system", &[Scope::Operate]).await;
    let answer = api.send(request(&system, Method::GET, "/metrics", None, &[])).await;
    assert_eq!(answer.text(), "waybill_up 1\n");
}

#[tokio::test]
async fn a_key_of_the_same_id_in_another_tenant_opens_nothing_there() {
    let api = Api::start().await;
    api.audience().await;
    api.tenant("rival").await;
    let id = api.key.split('_').nth(1).unwrap().to_owned();
    let (tenant, key) = (TenantId::try_new("rival").unwrap(), ApiKeyId::try_new(&*id).unwrap());
    let issued = ApiKeyEvent::ApiKeyIssued {
        title: "namesake".to_owned(),
        secret_hash: api.ledger.vault.hash_api_secret("b3RoZXI"),
        scopes: Scope::ALL.into(),
        expires_at: None,
    };
    api.append("rival", StreamId::api_key(&tenant, &key), vec![issued.into()]).await;
    let namesake = format!("wb_{id}_b3RoZXI");
    let answer = api.send(request(&namesake, Method::GET, "/v1/reports/risk", None, &[])).await;
    answer.problem(404);
    api.get("/v1/reports/risk?at_least_position=1").await.ok(200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let api = Api::start().await;
    assert_eq!(api.get("/v1/nothing").await.problem(404)["code"], "not_found");
    let answer = api.call(&api.key, Method::PATCH, "/v1/reports/risk", json!({})).await;
    assert_eq!(answer.problem(405)["code"], "method_not_allowed");
    assert!(answer.header("allow").contains("PUT"), "{answer:?}");
}
