use axum::http::Method;
use schema::Timestamp;
use schema::events::Scope;
use serde_json::json;

use crate::support::{ACME, Api, request};

#[tokio::test]
async fn a_key_works_from_its_issue_to_its_revocation() {
    let api = Api::start().await;
    let body = json!({ "title": "reader", "scopes": ["read"] });
    let answer = api.post("/v1/keys", body).await;
    let issued = answer.ok(201);
    let (id, key) = (issued["key"].as_str().unwrap(), issued["secret"].as_str().unwrap());
    assert!(key.starts_with(&format!("wb_{id}_")));
    assert_eq!(answer.header("cache-control"), "no-store");
    let read = || api.send(request(key, Method::GET, "/v1/reports", None, &[]));
    read().await.ok(200);
    let view = api.get(&format!("/v1/keys/{id}?at_least_position=1")).await;
    assert_eq!(view.ok(200)["scopes"], json!(["read"]));
    let secret = key.rsplit('_').next().unwrap();
    assert!(!view.text().contains(secret));
    api.delete(&format!("/v1/keys/{id}?reason=leaked")).await.ok(200);
    read().await.problem(401);
    let view = api.get(&format!("/v1/keys/{id}?at_least_position=1")).await.ok(200);
    assert_eq!(view["revoke_reason"], "leaked");
    let listed = api.get("/v1/keys").await.ok(200);
    assert_eq!(listed["rows"][0]["key"], id);
}

#[tokio::test]
async fn a_key_never_grants_what_its_maker_may_not_do() {
    let api = Api::start().await;
    let operator = api.key_of(ACME, &[Scope::Operate, Scope::Read]).await;
    let wanted = json!({ "title": "k", "scopes": ["read", "audit"] });
    let answer = api.call(&operator, Method::POST, "/v1/keys", wanted).await;
    let problem = answer.problem(403);
    assert_eq!((&problem["rule"], &problem["field"]), (&json!("audit"), &json!("scopes")));
    let allowed = json!({ "title": "k", "scopes": ["read"] });
    api.call(&operator, Method::POST, "/v1/keys", allowed).await.ok(201);
}

#[tokio::test]
async fn a_key_without_scopes_or_with_an_end_in_the_past_is_refused() {
    let api = Api::start().await;
    for (body, field) in [
        (json!({ "title": "k", "scopes": [] }), "scopes"),
        (json!({ "title": "k", "scopes": ["fly"] }), "scopes"),
        (json!({ "title": "", "scopes": ["read"] }), "title"),
        (
            json!({ "title": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }),
            "expires_at",
        ),
    ] {
        assert_eq!(api.post("/v1/keys", body).await.problem(422)["field"], field);
    }
}

#[tokio::test]
async fn a_repeated_issue_shows_no_secret() {
    let api = Api::start().await;
    let body = json!({ "title": "k", "scopes": ["read"] });
    let key = [("idempotency-key", "k")];
    let first = api.with(Method::POST, "/v1/keys", body.clone(), &key).await.ok(201);
    let again = api.with(Method::POST, "/v1/keys", body, &key).await.ok(201);
    assert!(first["secret"].is_string());
    assert_eq!(again.get("secret"), None);
    assert_eq!(again["key"], first["key"]);
}

#[tokio::test]
async fn a_key_that_ends_makes_none_that_outlives_it() {
    let api = Api::start().await;
    let end: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let parent = api.key_until(ACME, &[Scope::Operate, Scope::Read], Some(end)).await;
    let wanted = |end: Option<&str>| {
        let mut body = json!({ "title": "k", "scopes": ["operate"] });
        if let Some(end) = end {
            body["expires_at"] = end.into();
        }
        api.call(&parent, Method::POST, "/v1/keys", body)
    };
    for (end, value) in [(None, ""), (Some("2100-01-01T00:00:01Z"), "2100-01-01T00:00:01Z")] {
        let problem = wanted(end).await.problem(422);
        assert_eq!((&problem["field"], &problem["value"]), (&json!("expires_at"), &json!(value)));
        assert!(problem["rule"].as_str().unwrap().contains("2100-01-01"), "{problem}");
    }
    wanted(Some("2100-01-01T00:00:00Z")).await.ok(201);
    wanted(Some("2099-01-01T00:00:00Z")).await.ok(201);
}
