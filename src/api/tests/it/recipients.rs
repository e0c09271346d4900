use axum::http::Method;
use schema::events::Scope;
use schema::{RecipientId, StreamId, TenantId};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{ACME, Api, request};

const BOB: &str = "/v1/recipients/bob?at_least_position=1";

#[tokio::test]
async fn personal_data_is_sealed_in_the_ledger_and_opened_for_auditors_only() {
    let api = Api::start().await;
    let person =
        json!({ "kind": "person", "name": "Canary Name", "locale": "de", "zone": "Europe/Berlin" });
    api.put("/v1/recipients/bob", person).await.ok(201);
    let mail = json!({ "channel": "mail", "value": "Canary.Local@EXAMPLE.com" });
    api.put("/v1/recipients/bob/addresses/work", mail).await.ok(200);
    let view = api.get(BOB).await.ok(200);
    assert_eq!(view["name"], "Canary Name");
    assert_eq!(view["addresses"][0]["value"], "Canary.Local@example.com");
    let reader = api.key_of(ACME, &[Scope::Read]).await;
    let masked = api.send(request(&reader, Method::GET, BOB, None, &[])).await;
    let masked_view = masked.ok(200);
    assert_eq!(masked_view["name"], "***");
    assert_eq!(masked_view["addresses"][0]["value"], "***");
    let text = masked.text().to_lowercase();
    assert!(!text.contains("canary") && !text.contains("example.com"), "{text}");
    let head = api.ledger.ledger.head().await.unwrap();
    for row in api.ledger.ledger.read(schema::Position::START, head, 1000, None).await.unwrap() {
        assert!(!row.payload.to_lowercase().contains("canary"), "{}", row.payload);
    }
}

#[tokio::test]
async fn what_was_erased_is_absent() {
    let api = Api::start().await;
    api.audience().await;
    let (tenant, bob) = (TenantId::try_new(ACME).unwrap(), RecipientId::try_new("bob").unwrap());
    assert_eq!(api.get(BOB).await.ok(200)["name"], "Bob");
    api.ledger.vault.erase(&tenant, &bob).await.unwrap();
    let view = api.get(BOB).await.ok(200);
    assert_eq!(view.get("name"), None);
    assert_eq!(view["addresses"][0].get("value"), None);
}

#[tokio::test]
async fn a_webhooks_secret_is_shown_once_and_kept_in_the_vault() {
    let api = Api::start().await;
    api.put("/v1/recipients/sys", json!({ "kind": "system" })).await.ok(201);
    let path = "/v1/recipients/sys/addresses/hook";
    let body = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
    let key = [("idempotency-key", "k")];
    let first = api.with(Method::PUT, path, body.clone(), &key).await;
    let secret = first.ok(200)["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    assert_eq!(first.header("cache-control"), "no-store");
    let replayed = api.with(Method::PUT, path, body.clone(), &key).await;
    assert_eq!(replayed.ok(200).get("secret"), None);
    let tenant = TenantId::try_new(ACME).unwrap();
    let name = "recipient/sys/address/hook/1";
    let kept = api.ledger.vault.secret(&tenant, name).await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), secret);
    assert_eq!(api.put(path, body.clone()).await.ok(200).get("secret"), None);
    api.delete(path).await.ok(200);
    let fresh = api.put(path, body).await.ok(200)["secret"].as_str().unwrap().to_owned();
    assert_ne!(fresh, secret);
    let name = "recipient/sys/address/hook/2";
    let kept = api.ledger.vault.secret(&tenant, name).await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), fresh);
}

#[tokio::test]
async fn of_many_who_add_a_webhook_at_once_one_is_shown_its_secret_and_it_is_the_one_kept() {
    let api = Api::start().await;
    let tenant = TenantId::try_new(ACME).unwrap();
    let body = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
    for (recipient, headers) in [("any", &[][..]), ("named", &[("if-match", "\"1\"")][..])] {
        api.put(&format!("/v1/recipients/{recipient}"), json!({ "kind": "system" })).await.ok(201);
        let path = format!("/v1/recipients/{recipient}/addresses/hook");
        let put = || api.with(Method::PUT, &path, body.clone(), headers);
        let answers = futures::future::join_all((0..16).map(|_| put())).await;
        let (taken, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert!(refused.iter().all(|answer| answer.problem(412)["code"] == "stale"));
        let shown: Vec<Value> =
            taken.iter().filter_map(|answer| answer.json().get("secret").cloned()).collect();
        let name = format!("recipient/{recipient}/address/hook/1");
        let kept = api.ledger.vault.secret(&tenant, &name).await.unwrap();
        let kept = kept.map(|kept| json!(kept.expose_secret()));
        assert_eq!((shown.len(), shown.first()), (1, kept.as_ref()), "{recipient}");
    }
}

#[tokio::test]
async fn a_refused_address_leaves_no_secret_behind() {
    let api = Api::start().await;
    let body = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
    api.put("/v1/recipients/sys", json!({ "kind": "system" })).await.ok(201);
    for at in 0..16 {
        api.put(&format!("/v1/recipients/sys/addresses/h{at}"), body.clone()).await.ok(200);
    }
    let one_more = api.put("/v1/recipients/sys/addresses/more", body).await;
    assert_eq!(one_more.problem(409)["rule"], "too_many_addresses");
    let tenant = TenantId::try_new(ACME).unwrap();
    let kept = api.ledger.vault.secret(&tenant, "recipient/sys/address/more/1").await.unwrap();
    assert!(kept.is_none());
}

#[tokio::test]
async fn addresses_that_break_their_channels_rules_are_refused_unspoken() {
    let api = Api::start().await;
    api.audience().await;
    let before = api.event_count().await;
    for (channel, value) in [
        ("mail", "canary@nowhere"),
        ("mail", "canary@example.com\r\nBcc: x@example.com"),
        ("mail", "canary@\u{fffd}.example"),
        ("webhook", "https://127.0.0.1/canary"),
        ("webhook", "https://169.254.169.254/canary"),
        ("webhook", "http://hooks.example.com/canary"),
        ("webhook", "ftp://hooks.example.com/canary"),
    ] {
        let body = json!({ "channel": channel, "value": value });
        let answer = api.put("/v1/recipients/bob/addresses/new", body).await;
        let problem = answer.problem(422);
        assert_eq!((&problem["field"], &problem["value"]), (&json!("value"), &json!("***")));
        assert!(problem["rule"].is_string() && !answer.text().contains("canary"), "{problem}");
    }
    let other = json!({ "channel": "pigeon", "value": "x" });
    let problem = api.put("/v1/recipients/bob/addresses/new", other).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("channel"), &json!("pigeon")));
    let moved = json!({ "channel": "mail", "value": "bob@example.com" });
    let problem = api.put("/v1/recipients/bob/addresses/hook", moved).await.problem(422);
    assert_eq!(problem["field"], "channel");
    assert_eq!(api.event_count().await, before);
}

#[tokio::test]
async fn a_recipient_is_found_by_its_address_until_that_is_retired() {
    let api = Api::start().await;
    api.audience().await;
    let mail = json!({ "channel": "mail", "value": "bob@example.com" });
    api.put("/v1/recipients/bob/addresses/work", mail).await.ok(200);
    let find = "/v1/recipients?at_least_position=1&address=bob%40EXAMPLE.com";
    let found = api.get(find).await.ok(200);
    assert_eq!(found["rows"][0]["recipient"], "bob", "{found}");
    let reader = api.key_of(ACME, &[Scope::Read]).await;
    let answer = api.send(request(&reader, Method::GET, find, None, &[])).await;
    assert_eq!(answer.problem(403)["rule"], "audit");
    let changed = json!({ "channel": "mail", "value": "robert@example.com" });
    api.put("/v1/recipients/bob/addresses/work", changed).await.ok(200);
    assert_eq!(api.get(find).await.ok(200)["rows"], json!([]));
    let find = "/v1/recipients?at_least_position=1&address=robert%40example.com";
    assert_eq!(api.get(find).await.ok(200)["rows"][0]["recipient"], "bob");
    api.delete("/v1/recipients/bob").await.ok(200);
    assert_eq!(api.get(find).await.ok(200)["rows"], json!([]));
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let api = Api::start().await;
    let body = |title: &str| json!({ "title": title, "owner": "o" });
    let made = api.with(Method::PUT, "/v1/reports/risk", body("one"), &[("if-match", "*")]).await;
    assert_eq!(made.problem(412)["code"], "stale");
    let first = api.put("/v1/reports/risk", body("one")).await;
    assert_eq!((first.header("etag"), first.header("location")), ("\"1\"", "/v1/reports/risk"));
    let tag = [("if-match", first.header("etag"))];
    let second = api.with(Method::PUT, "/v1/reports/risk", body("two"), &tag).await;
    assert_eq!((second.status.as_u16(), second.header("etag")), (200, "\"2\""));
    let late = api.with(Method::PUT, "/v1/reports/risk", body("three"), &tag).await.problem(412);
    assert_eq!((&late["field"], &late["value"]), (&json!("If-Match"), &json!("2")));
    let view = api.get("/v1/reports/risk?at_least_position=1").await;
    assert_eq!((view.ok(200)["title"].as_str(), view.header("etag")), (Some("two"), "\"2\""));
}

#[tokio::test]
async fn entitlements_are_granted_replaced_and_revoked() {
    let api = Api::start().await;
    api.audience().await;
    let path = "/v1/recipients/bob/entitlements/desk";
    let until = "2030-01-01T00:00:00Z";
    api.put(path, json!({ "report": "risk" })).await.ok(200);
    api.put(path, json!({ "report": "risk", "until": until })).await.ok(200);
    let grants = |view: Value| view["entitlements"].as_array().unwrap().clone();
    let held = grants(api.get(BOB).await.ok(200));
    let desk = held.iter().find(|grant| grant["grant"] == "desk").unwrap();
    assert_eq!(desk["until"], until);
    let id = api.key.split('_').nth(1).unwrap();
    assert_eq!(desk["granted_by"], format!("key:{id}"));
    api.delete(&format!("{path}?reason=left%20the%20desk")).await.ok(200);
    api.delete(path).await.ok(200);
    let held = grants(api.get(BOB).await.ok(200));
    let desk = held.iter().find(|grant| grant["grant"] == "desk").unwrap();
    assert_eq!(desk["revoke_reason"], "left the desk");
    let never = api.delete("/v1/recipients/bob/entitlements/never").await;
    assert_eq!(never.problem(404)["rule"], "no_such_grant");
    let problem = api.put(path, json!({ "report": "nope" })).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("report"), &json!("nope")));
    let problem = api.put(path, json!({ "report": "*", "until": "soon" })).await.problem(422);
    assert_eq!((&problem["field"], &problem["value"]), (&json!("until"), &json!("soon")));
}

#[tokio::test]
async fn who_did_it_and_in_which_trace_is_in_the_events() {
    let api = Api::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({ "kind": "team" });
    let headers = [("traceparent", trace), ("idempotency-key", "k")];
    api.with(Method::PUT, "/v1/recipients/team", body, &headers).await.ok(201);
    let stream = StreamId::recipient(&ACME.parse().unwrap(), &"team".parse().unwrap());
    let events = api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
    let metadata = &events[0].metadata;
    assert_eq!(metadata.traceparent.as_deref(), Some(trace));
    assert_eq!(metadata.actor.as_str(), format!("key:{}", api.key.split('_').nth(1).unwrap()));
    assert_eq!(metadata.command.as_ref().map(String::len), Some(64));
}

#[tokio::test]
async fn lists_come_in_pages_without_gap_or_repetition() {
    let api = Api::start().await;
    for at in 0..7 {
        api.put(&format!("/v1/recipients/r{at}"), json!({ "kind": "system" })).await.ok(201);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/recipients?limit=3&kind=system&at_least_position=1".to_owned();
    loop {
        let page = api.get(&path).await.ok(200);
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["recipient"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/recipients?limit=3&kind=system&after={next}");
    }
    let expected: Vec<Value> = (0..7).rev().map(|at| json!(format!("r{at}"))).collect();
    assert_eq!(seen, expected);
}
