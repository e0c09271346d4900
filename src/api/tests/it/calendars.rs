//! Calendars, and subscriptions that say when.

use serde_json::{Value, json};

use crate::support::Api;

const DESK: &str = "/v1/calendars/desk";
const SUBSCRIPTION: &str = "/v1/subscriptions/bob-risk";

fn wish(timing: &Value) -> Value {
    let preferences = json!({ "channels": ["webhook"], "timing": timing });
    json!({ "recipient": "bob", "selector": { "report": "risk" }, "preferences": preferences })
}

async fn view(api: &Api, path: &str) -> Value {
    api.get(&format!("{path}?at_least_position=1")).await.ok(200)
}

#[tokio::test]
async fn a_calendar_is_put_read_and_removed_once_nothing_goes_by_it() {
    let api = Api::start().await;
    api.audience().await;
    let days = json!({ "days_off": ["saturday", "sunday"], "dates_off": ["2026-12-25"] });
    api.put(DESK, days.clone()).await.ok(200);
    let seen = view(&api, DESK).await;
    assert_eq!((&seen["calendar"], &seen["days_off"]), (&json!("desk"), &days["days_off"]));
    assert_eq!(seen["dates_off"], days["dates_off"]);
    assert_eq!(view(&api, "/v1/calendars").await["rows"], json!([seen]));

    let timing = json!({ "at": "08:00", "calendar": "desk", "quiet_hours": "22:00-07:00" });
    api.put(SUBSCRIPTION, wish(&timing)).await.ok(200);
    assert_eq!(view(&api, SUBSCRIPTION).await["preferences"]["timing"], timing);
    let used = api.delete(DESK).await.problem(422);
    assert_eq!(used["rule"], "is what subscription bob-risk goes by: change that first");

    api.put(SUBSCRIPTION, wish(&json!({ "calendar": "weekdays" }))).await.ok(200);
    api.delete(DESK).await.ok(200);
    api.get(&format!("{DESK}?at_least_position=1")).await.problem(404);
    api.delete(DESK).await.problem(404);
}

#[tokio::test]
async fn a_calendar_or_a_timing_gone_wrong_is_told_by_field_value_and_rule() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    let every = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    for (path, body, field, value) in [
        (DESK, json!({ "days_off": every }), "days_off", every.join(", ").as_str()),
        (DESK, json!({ "days_off": ["noday"] }), "days_off", "noday"),
        (DESK, json!({ "dates_off": ["25.12.26"] }), "dates_off", "25.12.26"),
        ("/v1/calendars/weekdays", json!({}), "calendar", "weekdays"),
        (SUBSCRIPTION, wish(&json!({ "at": "8:00" })), "preferences.timing.at", "8:00"),
        (SUBSCRIPTION, wish(&json!({ "at": "24:00" })), "preferences.timing.at", "24:00"),
        (
            SUBSCRIPTION,
            wish(&json!({ "quiet_hours": "07:00-07:00" })),
            "preferences.timing.quiet_hours",
            "07:00-07:00",
        ),
        (
            SUBSCRIPTION,
            wish(&json!({ "at": "23:00", "quiet_hours": "22:00-07:00" })),
            "preferences.timing.at",
            "23:00",
        ),
        (SUBSCRIPTION, wish(&json!({ "calendar": "nope" })), "preferences.timing.calendar", "nope"),
    ] {
        let problem = api.put(path, body).await.problem(422);
        let told = (problem["field"].as_str(), problem["value"].as_str());
        assert_eq!(told, (Some(field), Some(value)), "{problem}");
        assert!(problem["rule"].is_string());
    }
    assert_eq!(api.event_count().await, before);
}

#[tokio::test]
async fn a_zone_of_before_is_read_as_todays_and_one_that_never_was_is_refused() {
    let api = Api::start().await;
    let ann = "/v1/recipients/ann";
    api.put(ann, json!({ "kind": "person", "zone": "Asia/Calcutta" })).await.ok(201);
    assert_eq!(view(&api, ann).await["zone"], "Asia/Kolkata");
    let wrong = json!({ "kind": "person", "zone": "europe/berlin" });
    let problem = api.put(ann, wrong).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("zone"), &json!("europe/berlin")));
    let rule = "must be a time zone of the IANA database, such as Europe/Berlin";
    assert_eq!(problem["rule"], rule);
}

#[tokio::test]
async fn a_version_that_is_to_wait_waits_and_says_for_how_long() {
    let api = Api::start().await;
    api.audience().await;
    let profile = json!({ "title": "Risk", "owner": "desk", "deadline_s": 864_000 });
    api.put("/v1/reports/risk", profile).await.ok(200);
    api.put(SUBSCRIPTION, wish(&json!({ "at": "08:00" }))).await.ok(200);
    let version = json!({ "report": "risk", "version": "v1" });
    let position = api.post("/v1/reports", version).await.position();
    let list = format!("/v1/deliveries?at_least_position={position}");
    let rows = api.get(&list).await.ok(200)["rows"].take();
    assert_eq!(rows[0]["state"], "scheduled");
    let at = rows[0]["next_attempt_at"].as_str().unwrap();
    assert!(at.ends_with("T08:00:00Z"), "{at}: bob's zone is UTC");
}
