//! Every route the description has × every way of not being allowed. The routes come from the document, the scopes from
//! the table; neither can forget the other.

use axum::http::Method;
use schema::events::{ApiKeyEvent, Scope};
use schema::{ApiKeyId, Position, StreamId, TenantId, Timestamp};
use serde_json::{Value, json};
use store::LogRow;
use waybill_api::{ACCESS, Access, access};

use crate::recipes::{Stranger, Things, recipe};
use crate::support::{ACME, Api, request};

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
async fn every_route_refuses_whoever_is_not_allowed_and_lets_the_right_key_pass() {
    let api = Api::start().await;
    let things = Things::of(&api).await;
    let expired = api.key_until(ACME, &Scope::ALL, Some(Timestamp::from_unix_micros(1))).await;
    let revoked = api.key_of(ACME, &Scope::ALL).await;
    revoke(&api, &revoked).await;
    let wrong_secret = format!("{}x", api.key);
    let unknown = "wb_nobody_c2VjcmV0".to_owned();
    api.tenant("system").await;
    let mut checked = 0;
    let mut routes = operations(&api.document);
    // What is retired takes nothing more.
    routes.sort_by_key(|(method, _)| *method == Method::DELETE);
    for (method, path) in routes {
        let asked = access(&method, &path).unwrap();
        let (Access::Needs(scope) | Access::Own(scope) | Access::Installation(scope)) = asked
        else {
            continue;
        };
        for key in ["", "garbage", &expired, &revoked, &wrong_secret, &unknown] {
            let answer = things.knock(&api, key, &method, &path).await;
            assert_eq!(answer.problem(401)["code"], "unauthenticated", "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let lacking = api.key_of(ACME, &others).await;
        let problem = things.knock(&api, &lacking, &method, &path).await.problem(403);
        assert_eq!(problem["code"], "scope_missing", "{method} {path}");
        assert_eq!(problem["rule"], scope.as_str(), "{method} {path}");
        let tenant = if matches!(asked, Access::Installation(_)) { "system" } else { ACME };
        let right = api.key_of(tenant, &[scope]).await;
        let passed = things.knock(&api, &right, &method, &path).await;
        let status = passed.status.as_u16();
        assert!(status < 300 || [404, 409].contains(&status), "{method} {path}: {passed:?}");
        checked += 1;
    }
    assert!(checked > 30, "only {checked} routes need a key");
}

pub async fn revoke(api: &Api, key: &str) {
    let id = ApiKeyId::try_new(key.split('_').nth(1).unwrap()).unwrap();
    let stream = StreamId::api_key(&TenantId::try_new(ACME).unwrap(), &id);
    let revoked = ApiKeyEvent::ApiKeyRevoked { reason: "test".to_owned() };
    api.append(ACME, stream, vec![revoked.into()]).await;
}

/// Events of one tenant.
async fn events_of(api: &Api, tenant: &str) -> usize {
    let head = api.ledger.ledger.head().await.unwrap();
    let rows = api.ledger.ledger.read(Position::START, head, 100_000, None).await.unwrap();
    let of_tenant = |row: &&LogRow| row.decoded().unwrap().metadata.tenant.as_str() == tenant;
    rows.iter().filter(of_tenant).count()
}

#[tokio::test]
async fn another_tenants_things_do_not_exist() {
    let api = Api::start().await;
    let things = Things::of(&api).await;
    api.tenant("rival").await;
    let rival = api.key_of("rival", &Scope::ALL).await;
    let before = (events_of(&api, ACME).await, events_of(&api, "rival").await);
    let routes = operations(&api.document);
    let is_own = |method: &Method, path: &str| recipe(method, path).stranger == Stranger::Own;
    // What the rival makes for itself comes last: by then nothing of the others may have become its own.
    let (own, others): (Vec<_>, Vec<_>) =
        routes.into_iter().partition(|(method, path)| is_own(method, path));
    for (method, path) in &others {
        let answer = things.knock(&api, &rival, method, path).await;
        match recipe(method, path).stranger {
            Stranger::Missing => {
                assert_eq!(answer.problem(404)["code"], "not_found", "{method} {path}");
                if *method == Method::GET {
                    let seen = things.knock(&api, &api.key, method, path).await;
                    assert_eq!(seen.status, 200, "{path} is there for its own tenant");
                }
            }
            Stranger::Unknown(field) => {
                assert_eq!(answer.problem(422)["field"], field, "{method} {path}");
            }
            Stranger::Empty => assert_eq!(answer.ok(200)["rows"], json!([]), "{path}"),
            Stranger::Refused => assert_eq!(answer.problem(403)["code"], "scope_missing"),
            Stranger::Public | Stranger::Own => {}
        }
    }
    assert_eq!((events_of(&api, ACME).await, events_of(&api, "rival").await), before);
    for (method, path) in &own {
        let answer = things.knock(&api, &rival, method, path).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text());
        let told = answer.text();
        let strange = [&things.key, &things.distribution, &things.delivery, &things.sha256];
        assert!(strange.iter().all(|id| !told.contains(id.as_str())), "{method} {path}: {told}");
    }
    assert_eq!(events_of(&api, ACME).await, before.0);
    assert!(others.len() > 20 && own.len() > 5, "{} and {}", others.len(), own.len());
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
        limits: schema::events::KeyLimits::default(),
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
