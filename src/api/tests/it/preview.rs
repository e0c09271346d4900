//! A subscription tried on versions of the past.

use aggregates::planning::MAX_PAIRS;
use schema::events::GroupEvent;
use schema::{Addressee, StreamId};
use serde_json::{Value, json};

use crate::support::{ACME, Api};

const PATH: &str = "/v1/subscriptions/preview";

/// Bob of the audience, and ann who may have nothing, both at desk; the report in two regions, and its correction.
async fn world() -> Api {
    let api = Api::start().await;
    api.audience().await;
    api.put("/v1/recipients/ann", json!({ "kind": "person" })).await.ok(201);
    api.put("/v1/groups/desk", json!({ "title": "Desk" })).await.ok(201);
    api.post("/v1/groups/desk/members", json!({ "add": ["bob", "ann"] })).await.ok(200);
    for (version, region) in [("v1", "EU"), ("v2", "US")] {
        let attributes = json!({ "region": region });
        let body = json!({ "report": "risk", "version": version, "attributes": attributes });
        api.post("/v1/reports", body).await.ok(201);
    }
    api
}

fn of_bob(selector: &Value) -> Value {
    let preferences = json!({ "channels": ["mail", "webhook"] });
    json!({ "recipient": "bob", "selector": selector, "preferences": preferences })
}

fn of_desk() -> Value {
    let preferences = json!({ "channels": ["inbox"] });
    json!({ "group": "desk", "selector": { "report": "*" }, "preferences": preferences })
}

fn risk() -> Value {
    json!({ "report": "risk" })
}

async fn tried(api: &Api, query: &str, body: Value) -> Value {
    api.post(&format!("{PATH}?{query}"), body).await.ok(200)
}

fn versions(told: &Value) -> Vec<&str> {
    let rows = told["rows"].as_array().unwrap();
    rows.iter().map(|row| row["version"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_version_is_told_with_who_would_have_got_it_and_nothing_is_written() {
    let api = world().await;
    let before = api.event_count().await;
    let eu = json!({ "report": "risk", "attributes": { "region": ["EU"] } });
    let told = tried(&api, "", of_bob(&eu)).await;
    assert_eq!(versions(&told), ["v2", "v1"]);
    let (other, matched) = (&told["rows"][0], &told["rows"][1]);
    assert_eq!((&other["matches"], &other["decisions"]), (&json!(false), &json!([])));
    let decision = json!({
        "recipient": "bob", "planned": true, "channel": "webhook", "same_delivery": "bob-risk"
    });
    assert_eq!((&matched["matches"], &matched["decisions"]), (&json!(true), &json!([decision])));
    let counts = (&matched["planned"], &matched["same_delivery"], &matched["not_planned"]);
    assert_eq!(counts, (&json!(1), &json!(1), &json!(0)));
    // As a change of what leads there already it is nothing further.
    let told = tried(&api, "subscription=bob-risk", of_bob(&eu)).await;
    assert_eq!(told["rows"][1]["same_delivery"], 0);
    assert_eq!(told.get("next"), None);
    assert_eq!(api.event_count().await, before);
}

#[tokio::test]
async fn members_of_now_are_told_with_the_reason_why_one_gets_nothing() {
    let api = world().await;
    let told = tried(&api, "", of_desk()).await;
    let expected = json!([
        { "recipient": "ann", "planned": false, "reason": "not_entitled" },
        { "recipient": "bob", "planned": true, "channel": "inbox" }
    ]);
    for row in told["rows"].as_array().unwrap() {
        assert_eq!(row["decisions"], expected);
        assert_eq!((&row["planned"], &row["not_planned"]), (&json!(1), &json!(1)));
    }
    api.delete("/v1/groups/desk/members/recipients/ann").await.ok(200);
    let withdrawn = json!({ "reason": "wrong" });
    api.post("/v1/reports/risk/versions/v1/withdraw", withdrawn).await.ok(200);
    let told = tried(&api, "", of_desk()).await;
    let first = &told["rows"][1];
    assert_eq!((&first["withdrawn"], &first["planned"]), (&json!(true), &json!(1)));
    assert_eq!(first["decisions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn formats_are_those_a_version_has_or_can_be_rendered_to() {
    let api = world().await;
    let upload = axum::http::Request::post("/v1/artifacts")
        .header("authorization", format!("Bearer {}", api.key))
        .body(axum::body::Body::from("a,b\n1,2\n"));
    let sha256 = api.send(upload.unwrap()).await.ok(201)["sha256"].take();
    let file = json!({ "name": "risk.csv", "format": "csv", "sha256": sha256 });
    let body = json!({
        "report": "risk", "version": "v3", "artifacts": [file], "frame": "risk.csv"
    });
    api.post("/v1/reports", body).await.ok(201);
    for (formats, expected) in [
        (json!(["pdf", "xlsx"]), json!({ "channel": "webhook", "format": "xlsx" })),
        (json!([]), json!({ "channel": "webhook" })),
        (json!(["pdf"]), json!({ "reason": "no_format" })),
    ] {
        let mut body = of_bob(&risk());
        body["preferences"]["formats"] = formats;
        let mut told = tried(&api, "limit=1", body).await;
        assert_eq!(versions(&told), ["v3"]);
        let mut decision = told["rows"][0]["decisions"][0].take();
        for name in ["recipient", "planned", "same_delivery"] {
            decision.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(decision, expected);
    }
}

#[tokio::test]
async fn an_answer_comes_in_parts_by_versions_and_by_recipients() {
    let api = world().await;
    let first = tried(&api, "limit=1", of_bob(&risk())).await;
    assert_eq!(versions(&first), ["v2"]);
    let next = first["next"].as_str().unwrap();
    let last = tried(&api, &format!("limit=1&after={next}"), of_bob(&risk())).await;
    assert_eq!((versions(&last), last.get("next")), (vec!["v1"], None));

    let member = |n: usize| GroupEvent::MemberAdded {
        member: Addressee::Recipient(format!("r{n:05}").parse().unwrap()),
    };
    let stream = StreamId::group(&ACME.parse().unwrap(), &"desk".parse().unwrap());
    let half = MAX_PAIRS / 2;
    for part in [0..half, half..MAX_PAIRS] {
        api.append(ACME, stream.clone(), part.map(|n| member(n).into()).collect()).await;
    }
    // Of the two versions' members a part tells so many at most, and goes on behind the last one told.
    let (mut after, mut told) = (String::new(), Vec::new());
    loop {
        let part = tried(&api, &after, of_desk()).await;
        let rows = part["rows"].as_array().unwrap();
        let decisions = |row: &Value| row["decisions"].as_array().unwrap().len();
        assert!(rows.iter().map(decisions).sum::<usize>() <= MAX_PAIRS);
        for row in rows {
            let version = row["version"].as_str().unwrap().to_owned();
            told.push((version, decisions(row), row["unfinished"] == true));
        }
        let Some(next) = part["next"].as_str() else { break };
        after = format!("after={next}");
    }
    let part = |version: &str, count, unfinished| (version.to_owned(), count, unfinished);
    let expected = [
        part("v2", MAX_PAIRS, true),
        part("v2", 2, false),
        part("v1", MAX_PAIRS - 2, true),
        part("v1", 4, false),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn only_versions_of_the_period_are_looked_at() {
    let api = world().await;
    let whole = tried(&api, "", of_bob(&risk())).await;
    let at = whole["rows"][0]["received_at"].as_str().unwrap();
    let until = tried(&api, &format!("to={at}"), of_bob(&risk())).await;
    assert_eq!((versions(&until), &until["to"]), (vec!["v1"], &json!(at)));
    let since = tried(&api, &format!("from={at}"), of_bob(&risk())).await;
    assert_eq!((versions(&since), &since["from"]), (vec!["v2"], &json!(at)));
    let long_ago = "from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z";
    assert_eq!(versions(&tried(&api, long_ago, of_bob(&risk())).await), [""; 0]);
    let days = |told: &Value| {
        let instant = |name: &str| told[name].as_str().unwrap().parse().unwrap();
        let (from, to): (chrono::DateTime<chrono::Utc>, _) = (instant("from"), instant("to"));
        (to - from).num_days()
    };
    assert_eq!(days(&whole), 30);
    for (query, value) in [
        ("from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("from=2020-01-01T00:00:00Z&to=2020-04-02T00:00:01Z", "2020-04-02T00:00:01Z"),
    ] {
        let refused = api.post(&format!("{PATH}?{query}"), of_bob(&risk())).await.problem(422);
        assert_eq!(refused["field"], "to");
        assert!(refused["value"].as_str().unwrap().starts_with(&value[..19]), "{refused}");
    }
    let longest = "from=2020-01-01T00:00:00Z&to=2020-04-02T00:00:00Z";
    tried(&api, longest, of_bob(&risk())).await;
}

#[tokio::test]
async fn what_could_not_be_subscribed_is_refused_as_it_would_be() {
    let api = world().await;
    let refused = async |query: &str, body: Value, status: u16| {
        api.post(&format!("{PATH}?{query}"), body).await.problem(status)
    };
    let (mut nobody, mut no_group) = (of_bob(&risk()), of_desk());
    nobody["recipient"] = json!("nobody");
    no_group["group"] = json!("none");
    assert_eq!(refused("", nobody, 422).await["field"], "recipient");
    assert_eq!(refused("", no_group, 422).await["field"], "group");
    let unknown = refused("", of_bob(&json!({ "report": "nope" })), 422).await;
    assert_eq!((&unknown["field"], &unknown["value"]), (&json!("selector.report"), &json!("nope")));
    let mut on_nothing = of_bob(&risk());
    on_nothing["preferences"]["channels"] = json!([]);
    refused("", on_nothing, 422).await;
    let passed = refused("subscription=bob-risk", of_desk(), 409).await;
    assert_eq!(passed["rule"], "recipient_differs");
    for (query, field) in [
        ("limit=0", "limit"),
        ("after=x", "after"),
        ("after=1.2.no%20body", "after"),
        ("from=yesterday", "from"),
        ("subscription=a%20b", "id"),
    ] {
        let told = refused(query, of_bob(&risk()), 422).await;
        assert!(field == "id" || told["field"] == field, "{told}");
    }
    let wrong = refused("until=2020-01-01T00:00:00Z", of_bob(&risk()), 422).await;
    assert_eq!(wrong["field"], "until");
}
