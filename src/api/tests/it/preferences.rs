use axum::body::Body;
use axum::http::Request;
use schema::{StreamId, TenantId, Timestamp};
use serde_json::json;

use crate::support::{ACME, Answer, Api};

/// The path of a link that was just asked for.
async fn link(api: &Api) -> String {
    let asked = api.post("/v1/recipients/bob/preference-links", json!({})).await;
    assert_eq!(asked.header("cache-control"), "no-store");
    let url = asked.ok(201)["url"].as_str().unwrap().to_owned();
    url.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned()
}

/// A link whose end is so far away.
fn ending(api: &Api, ends: Timestamp) -> String {
    let tenant = TenantId::try_new(ACME).unwrap();
    format!("/p/{}", api.ledger.vault.preference_token(&tenant, &"bob".parse().unwrap(), ends))
}

async fn open(api: &Api, path: &str) -> Answer {
    api.send(Request::get(path).body(Body::empty()).unwrap()).await
}

async fn submit(api: &Api, path: &str, form: &str) -> Answer {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    api.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

async fn subscription(api: &Api) -> serde_json::Value {
    let head = api.ledger.ledger.head().await.unwrap().0;
    api.get(&format!("/v1/subscriptions/bob-risk?at_least_position={head}")).await.ok(200)
}

#[tokio::test]
async fn looking_at_the_page_shows_what_is_sent_and_changes_nothing() {
    let api = Api::start().await;
    api.audience().await;
    let title = json!({ "title": "Risk <b>&", "owner": "desk" });
    api.put("/v1/reports/risk", title).await.ok(200);
    let count = api.event_count().await;
    let page = open(&api, &link(&api).await).await;
    assert_eq!((page.status.as_u16(), api.event_count().await), (200, count));
    let text = page.text();
    for shown in ["Risk &lt;b&gt;&amp;", "Active", "webhook", "all files as published"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("<script") && !text.contains("http"), "nothing from elsewhere: {text}");
    assert!(text.contains("<html lang=\"en\">") && text.contains("prefers-color-scheme:dark"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_recipient_pauses_resumes_and_ends_what_is_its_own() {
    let api = Api::start().await;
    api.audience().await;
    let path = link(&api).await;
    let form = |action: &str, version: u32| {
        format!("action={action}&subscription=bob-risk&version={version}")
    };
    let page = submit(&api, &path, &form("pause", 1)).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("role=\"status\"") && page.text().contains("Paused."));
    let view = subscription(&api).await;
    assert_eq!((&view["state"], &view["reason"]), (&json!("paused"), &json!("preference_page")));
    submit(&api, &path, &form("resume", 2)).await;
    assert_eq!(subscription(&api).await["state"], "active");
    let page = submit(&api, &path, &form("leave", 3)).await;
    assert!(page.text().contains("You are subscribed to nothing here."), "{}", page.text());
    assert_eq!(subscription(&api).await["state"], "ended");
    let stream = StreamId::subscription(&ACME.parse().unwrap(), &"bob-risk".parse().unwrap());
    let events = api.ledger.ledger.load_stream(&stream, 1).await.unwrap();
    let actors: Vec<_> = events.iter().map(|event| event.metadata.actor.as_str()).collect();
    assert_eq!(actors, ["recipient:bob"; 3]);
}

#[tokio::test]
async fn a_form_that_is_sent_again_undoes_nothing() {
    let api = Api::start().await;
    api.audience().await;
    let path = link(&api).await;
    let pause = "action=pause&subscription=bob-risk&version=1";
    submit(&api, &path, pause).await;
    api.post_empty("/v1/subscriptions/bob-risk/resume").await.ok(200);
    let count = api.event_count().await;
    let again = submit(&api, &path, pause).await;
    assert_eq!(again.status, 412);
    assert!(again.text().contains("role=\"alert\"") && again.text().contains("Nothing was done"));
    assert_eq!(api.event_count().await, count);
}

#[tokio::test]
async fn a_recipient_chooses_format_language_and_time_zone() {
    let api = Api::start().await;
    api.audience().await;
    let path = link(&api).await;
    let format = "action=format&subscription=bob-risk&version=1&format=xlsx";
    assert!(submit(&api, &path, format).await.text().contains("webhook; XLSX."));
    assert_eq!(subscription(&api).await["preferences"]["formats"], json!(["xlsx"]));
    let none = "action=format&subscription=bob-risk&version=2&format=";
    submit(&api, &path, none).await;
    assert_eq!(subscription(&api).await["preferences"].get("formats"), None);
    let page = open(&api, &path).await.text();
    let (_, after) = page.split_once("name=\"sequence\" value=\"").unwrap();
    let sequence = after.split('"').next().unwrap();
    let profile = |locale: &str, zone: &str| {
        format!("action=profile&sequence={sequence}&locale={locale}&zone={zone}")
    };
    let wrong = submit(&api, &path, &profile("not a tag", "Europe/Berlin")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("role=\"alert\"") && wrong.text().contains("locale"));
    assert_eq!(submit(&api, &path, &profile("de", "Europe/Atlantis")).await.status, 422);
    assert_eq!(submit(&api, &path, &profile("de", "Europe/Berlin")).await.status, 200);
    let head = api.ledger.ledger.head().await.unwrap().0;
    let bob = api.get(&format!("/v1/recipients/bob?at_least_position={head}")).await.ok(200);
    assert_eq!((&bob["locale"], &bob["zone"]), (&json!("de"), &json!("Europe/Berlin")));
    assert_eq!(submit(&api, &path, &profile("en", "UTC")).await.status, 412);
}

#[tokio::test]
async fn a_member_leaves_a_groups_subscription_alone_and_comes_back() {
    let api = Api::start().await;
    api.audience().await;
    api.put("/v1/groups/desk", json!({ "title": "Desk" })).await.ok(201);
    let path = link(&api).await;
    let preferences = json!({ "channels": ["inbox"] });
    let wish =
        json!({ "group": "desk", "selector": { "report": "*" }, "preferences": preferences });
    api.put("/v1/subscriptions/desk-all", wish).await.ok(201);
    let leave = "action=leave&subscription=desk-all&version=1";
    assert_eq!(submit(&api, &path, leave).await.status, 404, "not a member");
    let member = "/v1/groups/desk/members/recipients/bob";
    api.send(crate::support::request(&api.key, axum::http::Method::PUT, member, None, &[]))
        .await
        .ok(200);
    assert!(open(&api, &path).await.text().contains("as a member of desk"));
    let pause = submit(&api, &path, "action=pause&subscription=desk-all&version=1").await;
    assert_eq!(pause.status, 409);
    assert!(submit(&api, &path, leave).await.text().contains("You do not receive it."));
    let join = "action=join&subscription=desk-all&version=2";
    assert!(!submit(&api, &path, join).await.text().contains("You do not receive it."));
}

#[tokio::test]
async fn a_link_that_is_forged_ended_or_of_someone_retired_opens_nothing_and_tells_nothing() {
    let api = Api::start().await;
    api.audience().await;
    let good = link(&api).await;
    let (said, signature) = good.split_once('.').unwrap();
    let long_ago = Timestamp::from_unix_micros(1);
    let mut paths = vec![
        format!("{said}.{}", signature.to_uppercase()),
        said.to_owned(),
        format!("/p/{}", "x".repeat(5000)),
        format!("/p/{}", api.ledger.vault.link_token("unsubscribe", &["acme", "bob", "9"])),
        format!("/p/{}", api.ledger.vault.link_token("preferences", &["acme", "bob"])),
        ending(&api, long_ago),
    ];
    api.delete("/v1/recipients/bob").await;
    paths.push(good);
    let count = api.event_count().await;
    for path in paths {
        for page in [
            open(&api, &path).await,
            submit(&api, &path, "action=leave&subscription=bob-risk&version=1").await,
        ] {
            assert_eq!(
                (page.status.as_u16(), page.header("content-type")),
                (404, "text/html; charset=utf-8")
            );
            let text = page.text();
            assert!(text.contains("This link"), "{text}");
            assert!(!text.contains("bob") && !text.contains("acme") && !text.contains("risk"));
        }
    }
    assert_eq!(api.event_count().await, count);
}

#[tokio::test]
async fn what_a_link_is_asked_for_wrongly_is_named() {
    let api = Api::start().await;
    api.audience().await;
    let path = "/v1/recipients/bob/preference-links";
    assert_eq!(api.post(path, json!({ "ttl_s": 0 })).await.problem(422)["field"], "ttl_s");
    assert_eq!(api.post(path, json!({ "ttl_s": 2_592_001 })).await.problem(422)["field"], "ttl_s");
    api.post("/v1/recipients/nobody/preference-links", json!({})).await.problem(404);
    let page = link(&api).await;
    let other = Request::post(&page).header("content-type", "application/json");
    let answer = api.send(other.body(Body::from("{}")).unwrap()).await;
    answer.problem(415);
    let wrong = submit(&api, &page, "action=explode").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("explode"), "{}", wrong.text());
}

#[tokio::test]
async fn a_recipient_subscribes_itself_where_the_report_allows_it_and_a_grant_covers_it() {
    let api = Api::start().await;
    api.audience().await;
    for (report, self_service) in [("open", true), ("beyond", true), ("closed", false)] {
        let body = json!({ "title": report, "owner": "desk", "self_service": self_service });
        api.put(&format!("/v1/reports/{report}"), body).await.ok(201);
    }
    api.put("/v1/recipients/bob/entitlements/all", json!({ "report": "open" })).await.ok(200);
    let path = link(&api).await;
    let page = open(&api, &path).await.text();
    assert!(page.contains("Subscribe to open"), "{page}");
    assert!(!page.contains("Subscribe to beyond") && !page.contains("Subscribe to closed"));
    let count = api.event_count().await;
    for other in ["beyond", "closed", "nowhere"] {
        let refused = submit(&api, &path, &format!("action=subscribe&report={other}")).await;
        assert_eq!(refused.status, 404, "{other}");
    }
    assert_eq!(api.event_count().await, count);
    let page = submit(&api, &path, "action=subscribe&report=open").await;
    assert!(page.text().contains("You are subscribed"), "{}", page.text());
    assert!(!page.text().contains("Subscribe to open"));
    assert_eq!(api.event_count().await, count + 1);
    assert_eq!(submit(&api, &path, "action=subscribe&report=open").await.status, 409);
    let head = api.ledger.ledger.head().await.unwrap().0;
    let list = format!("/v1/subscriptions?report=open&at_least_position={head}");
    let rows = api.get(&list).await.ok(200)["rows"].take();
    assert_eq!((&rows[0]["recipient"], &rows[0]["state"]), (&json!("bob"), &json!("active")));
    assert_eq!(rows[0]["preferences"]["channels"], json!(["inbox"]), "it has no mail address");
}
