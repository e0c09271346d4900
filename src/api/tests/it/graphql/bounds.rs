//! What is too much, what is no question, and what is told when something breaks.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::world::{World, codes};

const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name } subscriptionType { name }
    types { ...FullType } directives { name description locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description
      fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef }
        isDeprecated deprecationReason }
      inputFields { ...InputValue } interfaces { ...TypeRef }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
      ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_before_they_are_walked() {
    let world = World::empty().await;
    let aliases: String = (0..31).map(|n| format!("a{n}: id ")).collect();
    let mut doubling = "{ ...f0 }".to_owned();
    for n in 0..20 {
        doubling.push_str(&format!(" fragment f{n} on Query {{ ...f{m} ...f{m} }}", m = n + 1));
    }
    doubling.push_str(" fragment f20 on Query { tenant { id } }");
    let node = "node { recipientNode { entitlements { grant } addresses { id } } subscriptionNode { recipientNode {
        entitlements { grant } addresses { id } } } timeline { summary type detail } distributionNode { channels {
        sums { open scheduled } } } }";
    let bombs = [
        ("aliases", format!("{{ tenant {{ {aliases} }} }}")),
        ("fragments", doubling),
        ("roots", format!("{{ {} }}", "tenant { id } ".repeat(21))),
        (
            "cost",
            format!(
                "{{ deliveries(first: 200) {{ edges {{ {node} }} }} \
                 more: deliveries(last: 200) {{ edges {{ {node} }} }} }}"
            ),
        ),
        (
            "depth",
            format!(
                "{{ __schema {{ types {{ {}name{} }} }} }}",
                "ofType { ".repeat(14),
                " }".repeat(14)
            ),
        ),
        ("nesting", format!("{}{}", "{ a ".repeat(40), "} ".repeat(40))),
        ("brackets", format!("{{ delivery(id: {}", "[".repeat(20_000))),
        ("bytes", format!("{{ tenant {{ id }} }} # {}", "x".repeat(40_000))),
        ("directives", format!("{{ tenant {} {{ id }} }}", "@include(if: true) ".repeat(6))),
    ];
    for (name, bomb) in bombs {
        assert_eq!(world.codes(&world.reader, &bomb, json!({})).await, ["TOO_COMPLEX"], "{name}");
    }
    assert_eq!(world.codes(&world.reader, INTROSPECTION, json!({})).await, [""; 0]);
    let page = "{ deliveries(first: 200) { edges { node { id state timeline { position type summary } } } } }";
    assert_eq!(world.codes(&world.reader, page, json!({})).await, [""; 0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_named() {
    let world = World::empty().await;
    let wrong = [
        ("syntax", "{ tenant { id "),
        ("unknown field", "{ tenant { nothing } }"),
        ("unknown argument", "{ deliveries(limit: 1) { totalCount } }"),
        ("a page too large", "{ deliveries(first: 201) { totalCount } }"),
        ("a made-up cursor", "{ deliveries(after: \"x\") { totalCount } }"),
        ("an unknown state", "{ deliveries(filter: { state: lost }) { totalCount } }"),
        ("no run", "{ decisions(filter: {}) { totalCount } }"),
        ("a change", "mutation { delete }"),
        ("a stream", "subscription { events { position } }"),
        ("a cycle", "{ ...a } fragment a on Query { ...a }"),
    ];
    for (name, query) in wrong {
        let mut codes = world.codes(&world.reader, query, json!({})).await;
        codes.dedup();
        assert_eq!(codes, ["BAD_INPUT"], "{name}");
    }
    let (status, told) =
        world.post(&world.reader, "[{\"query\":\"{ tenant { id } }\"}]".to_owned()).await;
    assert_eq!((status, codes(&told)), (StatusCode::BAD_REQUEST, vec!["BAD_INPUT".to_owned()]));
    let deep = format!(
        "{{\"query\":\"{{ tenant {{ id }} }}\",\"variables\":{{\"a\":{}}}}}",
        "[".repeat(100_000)
    );
    let (status, told) = world.post(&world.reader, deep).await;
    assert_eq!((status, codes(&told)), (StatusCode::BAD_REQUEST, vec!["BAD_INPUT".to_owned()]));
    let long = format!("{{\"query\":\"{}\"}}", " ".repeat(300_000));
    let (status, _) = world.post(&world.reader, long).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_post_of_json_is_a_question() {
    let world = World::empty().await;
    let key = format!("Bearer {}", world.reader);
    let get = Request::get("/graphql?query=%7Btenant%7Bid%7D%7D").header("authorization", &key);
    let (status, _) = world.send(get.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    for media in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let post =
            Request::post("/graphql").header("authorization", &key).header("content-type", media);
        let (status, told) =
            world.send(post.body(Body::from("{\"query\":\"{ tenant { id } }\"}")).unwrap()).await;
        assert_eq!(
            (status, codes(&told)),
            (StatusCode::BAD_REQUEST, vec!["BAD_INPUT".to_owned()]),
            "{media}"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_shown_to_whoever_has_a_key_only() {
    let world = World::empty().await;
    for query in [
        INTROSPECTION,
        "{ __schema { queryType { name } } }",
        "{ __type(name: \"Query\") { name } }",
        "{ __typename }",
    ] {
        let body = json!({ "query": query }).to_string();
        let (status, told) = world.post("", body.clone()).await;
        assert_eq!(
            (status, codes(&told)),
            (StatusCode::UNAUTHORIZED, vec!["UNAUTHENTICATED".to_owned()])
        );
        let (status, told) = world.post(&world.reader, body).await;
        assert_eq!((status, codes(&told)), (StatusCode::OK, vec![]));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_inside_is_told_to_nobody() {
    let world = World::empty().await;
    world.settled().await;
    let mut owner =
        PgConnection::connect(world.api.ledger.owner_url.expose_secret()).await.unwrap();
    sqlx::query("alter table read.reports rename to hidden_canary")
        .execute(&mut owner)
        .await
        .unwrap();

    let (status, told) =
        world.ask(&world.reader, "{ reports { totalCount } tenant { id } }", json!({})).await;

    assert_eq!((status, codes(&told)), (StatusCode::OK, vec!["INTERNAL".to_owned()]));
    let text = told.to_string();
    assert!(
        !text.contains("read.reports") && !text.contains("42P01") && !text.contains("relation"),
        "{text}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_comes_from_here_and_from_nowhere_else() {
    let world = World::empty().await;
    let get = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    let router = &world.api.router;
    let page = tower::ServiceExt::oneshot(router.clone(), get("/graphiql")).await.unwrap();
    assert!(
        page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
    );
    let bytes = axum::body::to_bytes(page.into_body(), 1 << 20).await.unwrap();
    let html = String::from_utf8(bytes.to_vec()).unwrap();
    let links: Vec<&str> = html
        .split(['"'])
        .filter(|part| part.starts_with('/') || part.contains("//"))
        .filter(|part| !part.starts_with("/>"))
        .collect();
    assert_eq!(links.len(), 6, "{links:?}");
    for link in links {
        assert!(link.starts_with("/graphiql/"), "{link} comes from elsewhere");
        let file = tower::ServiceExt::oneshot(router.clone(), get(link)).await.unwrap();
        assert_eq!(file.status(), StatusCode::OK, "{link}");
    }
    let (status, _) = world.send(get("/graphiql/vendor")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    world.end().await;
}
