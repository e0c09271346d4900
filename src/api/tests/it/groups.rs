use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use store::UnsubscribeLink;

use crate::support::{ACME, Api};

const DESK: &str = "/v1/groups/desk";

/// Bob of the audience, ann and eve; groups desk and floor.
async fn world() -> Api {
    let api = Api::start().await;
    api.audience().await;
    for name in ["ann", "eve"] {
        api.put(&format!("/v1/recipients/{name}"), json!({ "kind": "person" })).await.ok(201);
    }
    for (group, title) in [("desk", "Desk 7"), ("floor", "Floor")] {
        let made = api.put(&format!("/v1/groups/{group}"), json!({ "title": title })).await;
        assert_eq!(made.ok(201)["group"], group);
        assert_eq!(made.header("location"), format!("/v1/groups/{group}"));
    }
    api
}

async fn view(api: &Api, path: &str) -> Value {
    let separator = if path.contains('?') { '&' } else { '?' };
    api.get(&format!("{path}{separator}at_least_position=1")).await.ok(200)
}

async fn members(api: &Api) -> Vec<String> {
    let rows = view(api, &format!("{DESK}/members")).await["rows"].clone();
    let told = |row: &Value| {
        format!("{}:{}", row["kind"].as_str().unwrap(), row["member"].as_str().unwrap())
    };
    rows.as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn a_group_lives_from_making_to_retirement() {
    let api = world().await;
    assert_eq!(api.put(DESK, json!({ "title": "Desk 8" })).await.ok(200)["sequence"], 2);
    assert_eq!(api.put(DESK, json!({ "title": "Desk 8" })).await.ok(200)["sequence"], 2);
    let settled = json!({ "add": ["bob", "ann", "eve"], "remove": ["eve"] });
    api.post(&format!("{DESK}/members"), settled).await.ok(200);
    api.put(&format!("{DESK}/members/groups/floor"), json!(null)).await.ok(200);
    api.delete(&format!("{DESK}/members/recipients/eve")).await.ok(200);
    assert_eq!(members(&api).await, ["group:floor", "recipient:bob", "recipient:ann"]);
    let page = view(&api, &format!("{DESK}/members?kind=recipient&limit=1")).await;
    assert_eq!(page["rows"][0]["member"], "bob");
    let next = page["next"].as_str().unwrap();
    let page = view(&api, &format!("{DESK}/members?kind=recipient&after={next}")).await;
    assert_eq!((&page["rows"][0]["member"], &page["next"]), (&json!("ann"), &Value::Null));
    let seen = view(&api, DESK).await;
    let counts = (&seen["title"], &seen["recipient_count"], &seen["group_count"]);
    assert_eq!(counts, (&json!("Desk 8"), &json!(2), &json!(1)));
    let names = |listed: Value| {
        let rows = listed["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["group"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(view(&api, "/v1/groups").await), ["floor", "desk"]);
    assert_eq!(names(view(&api, "/v1/groups?recipient=bob").await), ["desk"]);
    assert_eq!(names(view(&api, "/v1/groups?group=floor").await), ["desk"]);
    api.delete(&format!("{DESK}?reason=closed")).await.ok(200);
    api.delete(DESK).await.ok(200);
    assert_eq!(view(&api, DESK).await["retire_reason"], "closed");
    assert_eq!(names(view(&api, "/v1/groups?retired=false").await), ["floor"]);
    let over = api.put(&format!("{DESK}/members/recipients/eve"), json!(null)).await;
    assert_eq!(over.problem(409)["rule"], "group_retired");
}

#[tokio::test]
async fn a_group_that_would_be_in_itself_is_refused_by_the_way_round() {
    let api = world().await;
    api.put("/v1/groups/house", json!({ "title": "House" })).await.ok(201);
    api.put("/v1/groups/house/members/groups/floor", json!(null)).await.ok(200);
    api.put("/v1/groups/floor/members/groups/desk", json!(null)).await.ok(200);
    let before = api.event_count().await;
    let round = api.put(&format!("{DESK}/members/groups/house"), json!(null)).await.problem(409);
    assert_eq!(round["rule"], "group_cycle");
    let said = "the group would be in itself: desk holds house holds floor holds desk";
    assert_eq!(round["detail"], said);
    let own = api.put(&format!("{DESK}/members/groups/desk"), json!(null)).await.problem(409);
    assert_eq!(own["rule"], "group_cycle");
    assert_eq!(api.event_count().await, before);
    api.delete("/v1/groups/floor/members/groups/desk").await.ok(200);
    api.put(&format!("{DESK}/members/groups/house"), json!(null)).await.ok(200);
}

#[tokio::test]
async fn groups_lie_in_each_other_eight_deep_at_most() {
    let api = world().await;
    for n in 0..9 {
        api.put(&format!("/v1/groups/g{n}"), json!({ "title": "G" })).await.ok(201);
    }
    for n in 0..7 {
        let path = format!("/v1/groups/g{n}/members/groups/g{}", n + 1);
        api.put(&path, json!(null)).await.ok(200);
    }
    let deeper = api.put("/v1/groups/g7/members/groups/g8", json!(null)).await.problem(409);
    assert_eq!(deeper["rule"], "groups_too_deep");
    api.put("/v1/groups/g1/members/groups/g8", json!(null)).await.ok(200);
}

#[tokio::test]
async fn what_a_group_names_must_be_there_and_a_request_is_bounded() {
    let api = world().await;
    let before = api.event_count().await;
    let path = format!("{DESK}/members");
    let unknown = api.post(&path, json!({ "add": ["bob", "nobody"] })).await.problem(422);
    assert_eq!((&unknown["field"], &unknown["value"]), (&json!("add"), &json!("nobody")));
    let many: Vec<_> = (0..1001).map(|n| format!("r{n}")).collect();
    let many = api.post(&path, json!({ "add": [], "remove": many })).await.problem(422);
    assert_eq!((&many["field"], &many["value"]), (&json!("add"), &json!("1001")));
    let unknown = api.put(&format!("{path}/recipients/nobody"), json!(null)).await.problem(422);
    assert_eq!(unknown["field"], "recipient");
    let unknown = api.put(&format!("{path}/groups/nobody"), json!(null)).await.problem(422);
    assert_eq!(unknown["field"], "member");
    let missing = api.put("/v1/groups/none/members/recipients/bob", json!(null)).await;
    assert_eq!(missing.problem(404)["rule"], "group_not_created");
    api.get("/v1/groups/none/members").await.problem(404);
    api.get("/v1/groups/none").await.problem(404);
    let kind = api.get(&format!("{path}?kind=pigeon")).await.problem(422);
    assert_eq!(kind["field"], "kind");
    assert_eq!(api.event_count().await, before);
}

fn wish(who: &Value) -> Value {
    let mut body = json!({
        "selector": { "report": "risk" }, "preferences": { "channels": ["webhook"] }
    });
    body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_subscription_is_a_recipients_or_a_groups_and_never_both() {
    let api = world().await;
    let path = "/v1/subscriptions/desk-risk";
    for (who, field) in [
        (json!({}), "recipient"),
        (json!({ "recipient": "bob", "group": "desk" }), "group"),
        (json!({ "group": "nobody" }), "group"),
        (json!({ "group": "no body" }), "group"),
    ] {
        assert_eq!(api.put(path, wish(&who)).await.problem(422)["field"], field);
    }
    api.put(path, wish(&json!({ "group": "desk" }))).await.ok(201);
    let passed = api.put(path, wish(&json!({ "recipient": "bob" }))).await;
    assert_eq!(passed.problem(409)["rule"], "recipient_differs");
    let seen = view(&api, path).await;
    assert_eq!((&seen["group"], &seen["opted_out"]), (&json!("desk"), &json!(0)));
    assert_eq!(seen.get("recipient"), None);
    let listed = view(&api, "/v1/subscriptions?group=desk").await;
    assert_eq!(listed["rows"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_opts_out_by_its_link_and_the_others_go_on() {
    let api = world().await;
    let path = "/v1/subscriptions/desk-risk";
    api.put(path, wish(&json!({ "group": "desk" }))).await.ok(201);
    let (tenant, subscription) = (ACME.parse().unwrap(), "desk-risk".parse().unwrap());
    let member = Some("bob".parse().unwrap());
    let link = UnsubscribeLink { tenant, subscription, member };
    let token = api.ledger.vault.unsubscribe_token(&link);
    let page = || api.send(Request::get(format!("/u/{token}")).body(Body::empty()).unwrap());
    assert!(page().await.text().contains("<form"));
    for _ in 0..2 {
        let click = Request::post(format!("/u/{token}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("List-Unsubscribe=One-Click"));
        assert_eq!(api.send(click.unwrap()).await.status, 200);
    }
    assert!(!page().await.text().contains("<form"));
    let seen = view(&api, path).await;
    assert_eq!((&seen["state"], &seen["opted_out"]), (&json!("active"), &json!(1)));
    let stream = schema::StreamId::subscription(&link.tenant, &link.subscription);
    let events = api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].metadata.actor.as_str(), "recipient:bob");
    api.delete(&format!("{path}/opt-outs/bob")).await.ok(200);
    assert_eq!(view(&api, path).await["opted_out"], 0);
    api.put(&format!("{path}/opt-outs/ann?reason=by%20phone"), json!(null)).await.ok(200);
    assert_eq!(view(&api, path).await["opted_out"], 1);
    let own = api.put("/v1/subscriptions/bob-risk/opt-outs/bob", json!(null)).await.problem(409);
    assert_eq!(own["rule"], "not_of_group");
}
