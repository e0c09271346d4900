//! Subscriptions by the line.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, Api};

const PATH: &str = "/v1/bulk/subscriptions";

async fn sent(api: &Api, media: &str, key: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post(PATH)
        .header("authorization", format!("Bearer {}", api.key))
        .header("content-type", media);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    api.send(request.body(body.into()).unwrap()).await
}

async fn ndjson(api: &Api, lines: &[Value]) -> Value {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    sent(api, "application/x-ndjson", None, text).await.ok(200)
}

fn line(id: &str, report: &str) -> Value {
    json!({
        "subscription": id, "recipient": "bob", "selector": { "report": report },
        "preferences": { "channels": ["webhook"] }
    })
}

fn counts(told: &Value) -> [u64; 6] {
    ["lines", "subscribed", "changed", "unchanged", "repeated", "bad"]
        .map(|name| told[name].as_u64().unwrap())
}

async fn exported(api: &Api, format: &str) -> String {
    let path = format!("{PATH}?at_least_position=1&format={format}");
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 200);
    answer.text()
}

#[tokio::test]
async fn each_line_is_carried_out_and_a_bad_one_stops_nothing_else() {
    let api = Api::start().await;
    api.audience().await;
    let mut wrong = line("b", "risk");
    wrong["preferences"]["channel"] = json!("mail");
    let unknown = line("c", "nope");
    let mut nameless = line("d", "risk");
    nameless.as_object_mut().unwrap().remove("subscription");
    let lines =
        [line("a", "risk"), wrong, unknown, nameless, line("e", "*"), line("bob-risk", "*")];
    let told = ndjson(&api, &lines).await;
    assert_eq!(counts(&told), [6, 2, 1, 0, 0, 3]);
    let bad: Vec<_> = told["bad_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| {
            assert!(bad["rule"].is_string() && bad["detail"].is_string(), "{bad}");
            (bad["line"].as_u64().unwrap(), bad["field"].as_str().unwrap())
        })
        .collect();
    assert_eq!(bad, [(2, "preferences.channel"), (3, "selector.report"), (4, "subscription")]);
    let before = api.event_count().await;
    assert_eq!(counts(&ndjson(&api, &lines).await), [6, 0, 0, 3, 0, 3]);
    assert_eq!(api.event_count().await, before);
    assert_eq!(exported(&api, "ndjson").await.lines().count(), 3);
}

#[tokio::test]
async fn of_two_lines_about_one_subscription_the_later_one_holds() {
    let api = Api::start().await;
    api.audience().await;
    let told = ndjson(&api, &[line("a", "risk"), line("b", "risk"), line("a", "*")]).await;
    assert_eq!(counts(&told), [3, 2, 1, 0, 0, 0]);
    let seen = api.get("/v1/subscriptions/a?at_least_position=1").await.ok(200);
    assert_eq!(seen["selector"]["report"], "*");
}

#[tokio::test]
async fn under_a_key_a_line_is_carried_out_once_whatever_came_after() {
    let api = Api::start().await;
    api.audience().await;
    let text = format!("{}\n{}\n", line("a", "risk"), line("b", "nope"));
    let media = "application/x-ndjson";
    let told = sent(&api, media, Some("k1"), text.clone()).await.ok(200);
    assert_eq!(counts(&told), [2, 1, 0, 0, 0, 1]);
    api.post("/v1/subscriptions/a/unsubscribe", json!({ "reason": "x" })).await.ok(200);
    let before = api.event_count().await;
    let told = sent(&api, media, Some("k1"), text.clone()).await.ok(200);
    assert_eq!(counts(&told), [2, 0, 0, 0, 1, 1]);
    assert_eq!(api.event_count().await, before);
    let other = format!("{}\n", line("a", "*"));
    let reused = sent(&api, media, Some("k1"), other).await.ok(200);
    assert_eq!(reused["bad_lines"][0]["code"], "idempotency_key_reused");
    let told = sent(&api, media, Some("k2"), text).await.ok(200);
    assert_eq!(counts(&told), [2, 1, 0, 0, 0, 1]);
}

#[tokio::test]
async fn a_file_that_was_exported_is_imported_as_it_was_in_both_forms() {
    let api = Api::start().await;
    api.audience().await;
    api.put("/v1/groups/desk", json!({ "title": "Desk" })).await.ok(201);
    let full = json!({
        "subscription": "full", "group": "desk",
        "selector": { "report": "risk", "attributes": { "region": ["e,u", "say \"us\""], "final": [true, 7] } },
        "preferences": { "channels": ["mail", "webhook"], "formats": ["pdf", "csv"], "deadline_s": 60,
            "timing": { "at": "08:00", "calendar": "weekdays", "quiet_hours": "22:00-07:00" } }
    });
    assert_eq!(counts(&ndjson(&api, &[full.clone(), line("over", "*")]).await), [2, 2, 0, 0, 0, 0]);
    api.post("/v1/subscriptions/over/unsubscribe", json!({ "reason": "x" })).await.ok(200);
    let (json, csv) = (exported(&api, "ndjson").await, exported(&api, "csv").await);
    let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(last, full);
    let expected = "subscription,recipient,group,report,attributes,channels,formats,deadline_s,\
        at,calendar,quiet_hours\n\
        bob-risk,bob,,risk,,webhook,,,,,\n\
        full,,desk,risk,\"{\"\"final\"\":[true,7],\
        \"\"region\"\":[\"\"e,u\"\",\"\"say \\\"\"us\\\"\"\"\"]}\",mail|webhook,pdf|csv,60,\
        08:00,weekdays,22:00-07:00\n";
    assert_eq!(csv, expected);
    for (media, text) in [("application/x-ndjson", json), ("text/csv", csv)] {
        let told = sent(&api, media, None, text).await.ok(200);
        assert_eq!(counts(&told), [2, 0, 0, 2, 0, 0], "{told}");
    }
    for id in ["bob-risk", "full"] {
        let path = format!("/v1/subscriptions/{id}/unsubscribe");
        api.post(&path, json!({ "reason": "x" })).await.ok(200);
    }
    assert_eq!(exported(&api, "ndjson").await, "");
}

#[tokio::test]
async fn csv_gone_wrong_is_told_by_its_line() {
    let api = Api::start().await;
    api.audience().await;
    let csv = "\u{feff}subscription,recipient,report,channels,deadline_s\r\n\
        a,bob,risk,webhook,60\r\n\
        b,bob,risk,webhook\r\n\
        c,bob,risk,webhook,soon\r\n\
        d,\"bob,risk,webhook,60\r\n\
        e,bob,risk,pigeon,60\r\n\
        \r\n\
        f,bob,*,\"webhook\",\r\n";
    let told = sent(&api, "text/csv", None, csv).await.ok(200);
    assert_eq!(counts(&told), [6, 2, 0, 0, 0, 4]);
    let bad: Vec<_> = told["bad_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| (bad["line"].as_u64().unwrap(), bad["field"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(3, "line"), (4, "deadline_s"), (5, "line"), (6, "preferences.channel")];
    assert_eq!(bad, expected.map(|(line, field)| (line, field.to_owned())));
    for (header, value) in [("subscription,colour\n", "colour"), ("report,report\n", "report")] {
        let told = sent(&api, "text/csv", None, header).await.problem(422);
        assert_eq!((&told["field"], &told["value"]), (&json!("header"), &json!(value)));
    }
    assert_eq!(sent(&api, "text/csv", None, "").await.problem(422)["field"], "header");
    let told = sent(&api, "application/json", None, "{}").await.problem(415);
    assert_eq!(told["field"], "Content-Type");
    let format = api.get(&format!("{PATH}?format=xml")).await.problem(422);
    assert_eq!(format["field"], "format");
}

#[tokio::test]
async fn many_lines_are_carried_out_and_only_a_thousand_bad_ones_told() {
    let api = Api::start().await;
    api.audience().await;
    let lines: Vec<_> = (0..2_200)
        .map(|n| line(&format!("s{n}"), if n % 2 == 0 { "risk" } else { "nope" }))
        .collect();
    let told = ndjson(&api, &lines).await;
    assert_eq!(counts(&told), [2_200, 1_100, 0, 0, 0, 1_100]);
    assert_eq!(told["bad_lines"].as_array().unwrap().len(), 1_000);
    // Several portions, each once.
    assert_eq!(exported(&api, "ndjson").await.lines().count(), 1_101);
}
