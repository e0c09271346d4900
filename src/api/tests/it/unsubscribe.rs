use axum::body::Body;
use axum::http::Request;
use schema::{StreamId, SubscriptionId, TenantId};
use serde_json::json;
use store::UnsubscribeLink;

use crate::support::{ACME, Answer, Api};

fn token(api: &Api) -> String {
    let subscription = SubscriptionId::try_new("bob-risk").unwrap();
    let tenant = TenantId::try_new(ACME).unwrap();
    let link = UnsubscribeLink { tenant, subscription, member: None };
    api.ledger.vault.unsubscribe_token(&link)
}

async fn open(api: &Api, token: &str) -> Answer {
    api.send(Request::get(format!("/u/{token}")).body(Body::empty()).unwrap()).await
}

async fn click(api: &Api, token: &str, body: &'static str) -> Answer {
    let request = Request::post(format!("/u/{token}"))
        .header("content-type", "application/x-www-form-urlencoded");
    api.send(request.body(Body::from(body)).unwrap()).await
}

async fn state(api: &Api) -> String {
    let view = api.get("/v1/subscriptions/bob-risk?at_least_position=1").await.ok(200);
    view["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn looking_at_the_link_changes_nothing_and_one_click_ends_it() {
    let api = Api::start().await;
    api.audience().await;
    let token = token(&api);
    let page = open(&api, &token).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("<form method=\"post\">")
            && page.text().contains("<strong>Risk</strong>")
    );
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(state(&api).await, "active");
    assert_eq!(click(&api, &token, "").await.problem(400)["code"], "malformed");
    assert_eq!(state(&api).await, "active");
    assert_eq!(click(&api, &token, "List-Unsubscribe=One-Click").await.status, 200);
    assert_eq!(state(&api).await, "ended");
    let count = api.event_count().await;
    assert_eq!(click(&api, &token, "List-Unsubscribe=One-Click").await.status, 200);
    assert_eq!(api.event_count().await, count);
    assert!(!open(&api, &token).await.text().contains("<form"));
    let stream = StreamId::subscription(&ACME.parse().unwrap(), &"bob-risk".parse().unwrap());
    let events = api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
    assert_eq!(events.last().unwrap().metadata.actor.as_str(), "recipient:bob");
}

#[tokio::test]
async fn a_forged_link_is_a_clear_page_and_ends_nothing() {
    let api = Api::start().await;
    api.audience().await;
    let good = token(&api);
    let (named, signature) = good.split_once('.').unwrap();
    let elsewhere = api.ledger.vault.sign("other-purpose", b"acme/bob-risk");
    let long = "x".repeat(5000);
    for forged in [
        format!("{named}.{}", signature.to_uppercase()),
        format!("{named}.{elsewhere}"),
        format!("YWNtZS9vdGhlcg.{signature}"),
        named.to_owned(),
        "nonsense".to_owned(),
        long,
    ] {
        let page = open(&api, &forged).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (404, "text/html; charset=utf-8")
        );
        assert!(page.text().contains("This link does not work"));
        assert_eq!(click(&api, &forged, "List-Unsubscribe=One-Click").await.status, 404);
    }
    assert_eq!(state(&api).await, "active");
}

#[tokio::test]
async fn a_paused_subscription_is_ended_as_well() {
    let api = Api::start().await;
    api.audience().await;
    api.post("/v1/subscriptions/bob-risk/pause", json!({ "reason": "x" })).await.ok(200);
    click(&api, &token(&api), "List-Unsubscribe=One-Click").await;
    assert_eq!(state(&api).await, "ended");
}
