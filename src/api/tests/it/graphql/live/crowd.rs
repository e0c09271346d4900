//! Bounds that hold for WebSockets as for any request.

use axum::body::Body;
use axum::http::Request;
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use waybill_api::graphql::MAX_STRANGERS;

use super::super::world::World;
use super::socket::{Client, served};

const PROTOCOL: Option<&str> = Some("graphql-transport-ws");
const TENANT: &str = "{ tenant { id } }";

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_say_who_they_are_keep_nobody_out() {
    let world = World::empty().await;
    let url = served(&world).await;
    let mute = (0..MAX_STRANGERS).map(|_| Client::silent(&url, PROTOCOL, None));
    let mute = futures::future::join_all(mute).await;
    let mut mute: Vec<Client> = mute.into_iter().map(Result::unwrap).collect();
    let mut client = Client::connect(&url, &world.reader).await;
    client.subscribe("1", TENANT, json!({})).await;
    assert_eq!(client.data("1").await["tenant"]["id"], "acme");
    let heard = mute.iter_mut().map(|client| Box::pin(client.hear()));
    let (first, ..) = futures::future::select_all(heard).await;
    assert_eq!(first, Err(1013), "the one that was silent longest");
    let by_header = Client::silent(&url, PROTOCOL, Some(&world.reader)).await;
    assert!(by_header.is_ok(), "a key in the header");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_over_a_socket_takes_a_place_among_the_requests_under_way() {
    let world = World::with(|config| config.request_limit = 1).await;
    let url = served(&world).await;
    let mut client = Client::connect(&url, &world.reader).await;
    let (hold, held) = tokio::sync::oneshot::channel::<()>();
    let waiting = futures::stream::once(async move {
        held.await.ok();
        Ok::<_, std::io::Error>("x")
    });
    let slow = Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", world.api.key))
        .body(Body::from_stream(waiting))
        .unwrap();
    let mut slow = Box::pin(world.api.send(slow));
    assert!(futures::poll!(&mut slow).is_pending());
    client.subscribe("1", TENANT, json!({})).await;
    assert_eq!(client.error("1").await.0, "UNAVAILABLE");
    let events = "subscription { deliveryChanged(distribution: \"x\") { position } }";
    client.subscribe("2", events, json!({})).await;
    assert_eq!(client.error("2").await.0, "UNAVAILABLE");
    hold.send(()).unwrap();
    slow.await.ok(201);
    client.subscribe("3", TENANT, json!({})).await;
    assert_eq!(client.data("3").await["tenant"]["id"], "acme");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_over_a_socket_takes_no_longer_than_a_request_may() {
    let world = World::with(|config| config.request_timeout_ms = 2_000).await;
    let url = served(&world).await;
    let mut client = Client::connect(&url, &world.reader).await;
    let admin = world.api.ledger.admin_url.expose_secret();
    let mut admin = PgConnection::connect(admin).await.unwrap();
    let mut lock = admin.begin().await.unwrap();
    sqlx::query("lock table read.tenants in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    client.subscribe("1", TENANT, json!({})).await;
    assert_eq!(client.error("1").await.0, "UNAVAILABLE");
    lock.rollback().await.unwrap();
    client.subscribe("2", TENANT, json!({})).await;
    assert_eq!(client.data("2").await["tenant"]["id"], "acme");
    world.end().await;
}
