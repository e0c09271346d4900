use schema::events::RecipientEvent;
use schema::{LedgerEvent, RecipientId, StreamId, TenantId, WebhookKeys};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{ACME, Api};

const HOOK: &str = "/v1/recipients/sys/addresses/hook";
const SET: &str = "/v1/recipients/sys/addresses/hook/webhook";
const ROTATE: &str = "/v1/recipients/sys/addresses/hook/webhook/rotate";

/// With a webhook, and its first secret.
async fn hooked() -> (Api, String) {
    let api = Api::start().await;
    api.put("/v1/recipients/sys", json!({ "kind": "system" })).await.ok(201);
    let body = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
    let secret = api.put(HOOK, body).await.ok(200)["secret"].as_str().unwrap().to_owned();
    (api, secret)
}

/// What the last event about the webhook leads to in the vault.
async fn kept(api: &Api) -> WebhookKeys {
    let tenant = TenantId::try_new(ACME).unwrap();
    let stream = StreamId::recipient(&tenant, &RecipientId::try_new("sys").unwrap());
    let events = api.ledger.ledger.load_stream(&stream, 0).await.unwrap();
    let settings = events.iter().rev().find_map(|event| match &event.event {
        LedgerEvent::Recipient(RecipientEvent::WebhookConfigured { settings, .. }) => {
            Some(settings)
        }
        _ => None,
    });
    let name = format!("recipient/sys/address/hook/webhook/{}", settings.unwrap().keys);
    let document = api.ledger.vault.secret(&tenant, &name).await.unwrap().unwrap();
    WebhookKeys::from_document(&document).unwrap()
}

#[tokio::test]
async fn a_webhook_is_set_and_shown_without_its_secrets() {
    let (api, secret) = hooked().await;
    let before = api.get(SET).await.ok(200);
    assert_eq!((&before["payload"], &before["signing"]), (&json!("full"), &json!("v1")));
    assert_eq!(before.get("public_key"), None);
    let body = json!({
        "payload": "thin", "signing": "both",
        "headers": { "Authorization": "Bearer canary", "x-desk": "7" }
    });
    api.put(SET, body.clone()).await.ok(200);
    let view = api.get(SET).await;
    let shown = view.ok(200);
    assert_eq!(shown["headers"], json!(["authorization", "x-desk"]));
    assert_eq!((&shown["payload"], &shown["signing"]), (&json!("thin"), &json!("both")));
    assert!(shown["public_key"].as_str().unwrap().starts_with("whpk_"));
    assert!(!view.text().contains("canary") && !view.text().contains("whsec_"));
    let keys = kept(&api).await;
    assert_eq!(keys.headers["authorization"].expose_secret(), "Bearer canary");
    assert_eq!(keys.secrets[0].key.expose_secret(), secret);
    let count = api.event_count().await;
    api.put(SET, body).await.ok(200);
    assert_eq!(api.event_count().await, count, "the same again is nothing");
    assert_eq!(api.get(SET).await.ok(200)["public_key"], shown["public_key"]);
}

#[tokio::test]
async fn a_header_keeps_its_value_for_whoever_does_not_know_it() {
    let (api, _) = hooked().await;
    api.put(SET, json!({ "headers": { "x-a": "1", "x-b": "2" } })).await.ok(200);
    api.put(SET, json!({ "payload": "thin", "headers": { "x-a": null } })).await.ok(200);
    let keys = kept(&api).await;
    let names: Vec<&str> = keys.headers.keys().map(String::as_str).collect();
    assert_eq!((names, keys.headers["x-a"].expose_secret()), (vec!["x-a"], "1"));
    let problem = api.put(SET, json!({ "headers": { "x-c": null } })).await.problem(422);
    assert_eq!(problem["field"], "headers.x-c");
}

#[tokio::test]
async fn while_keys_overlap_both_are_kept_and_the_later_one_is_shown_once() {
    let (api, first) = hooked().await;
    let rotated = api.post(ROTATE, json!({ "overlap_s": 3600 })).await;
    let answer = rotated.ok(200);
    let second = answer["secret"].as_str().unwrap();
    assert_ne!(second, first);
    assert_eq!(rotated.header("cache-control"), "no-store");
    let keys = kept(&api).await;
    let secrets: Vec<_> =
        keys.secrets.iter().map(|key| (key.key.expose_secret(), key.until.is_some())).collect();
    assert_eq!(secrets, [(second, false), (first.as_str(), true)]);
    let view = api.get(SET).await.ok(200);
    assert_eq!(view["public_key"], answer["public_key"]);
    assert!(view["overlap_until"].is_string());
    // At once: whoever knew the keys before can sign nothing any more.
    let third = api.post(ROTATE, json!({ "overlap_s": 0 })).await.ok(200);
    let keys = kept(&api).await;
    let secrets: Vec<_> = keys.secrets.iter().map(|key| key.key.expose_secret()).collect();
    assert_eq!(secrets, [third["secret"].as_str().unwrap()]);
    assert_eq!(keys.private_keys.len(), 1);
    assert_ne!(third["public_key"], answer["public_key"]);
}

#[tokio::test]
async fn a_repeated_rotation_makes_no_other_keys_and_shows_none() {
    let (api, _) = hooked().await;
    let key = [("idempotency-key", "k")];
    let ask = || api.with(axum::http::Method::POST, ROTATE, json!({}), &key);
    let first = ask().await.ok(200);
    let count = api.event_count().await;
    let again = ask().await.ok(200);
    assert_eq!((again.get("secret"), &again["public_key"]), (None, &first["public_key"]));
    assert_eq!(api.event_count().await, count);
}

#[tokio::test]
async fn more_secrets_than_four_do_not_sign_at_once() {
    let (api, _) = hooked().await;
    for _ in 0..3 {
        api.post(ROTATE, json!({})).await.ok(200);
    }
    api.post(ROTATE, json!({})).await.problem(409);
    assert_eq!(kept(&api).await.secrets.len(), 4);
    api.post(ROTATE, json!({ "overlap_s": 0 })).await.ok(200);
}

#[tokio::test]
async fn what_may_not_be_a_header_is_named_with_its_rule_and_without_its_value() {
    let (api, _) = hooked().await;
    let refused = |headers: Value| {
        let api = &api;
        async move { api.put(SET, json!({ "headers": headers })).await.problem(422) }
    };
    for name in ["Host", "content-length", "webhook-signature", "x y", ""] {
        let problem = refused(json!({ name: "v" })).await;
        assert_eq!(problem["field"], "headers", "{name}");
    }
    for value in ["canary\r\nhost: elsewhere", "", " canary", "caná", &"x".repeat(4097)] {
        let problem = refused(json!({ "x-token": value })).await;
        assert_eq!(problem["field"], "headers.x-token", "{value}");
        assert!(!problem.to_string().contains("can"), "{problem}");
    }
    refused(json!({ "x-a": "1", "X-A": "2" })).await;
    let many: serde_json::Map<_, _> =
        (0..17).map(|number| (format!("x-{number}"), "v".into())).collect();
    refused(many.into()).await;
    let large: serde_json::Map<_, _> =
        (0..5).map(|number| (format!("x-{number}"), "v".repeat(4000).into())).collect();
    refused(large.into()).await;
    let problem = api.put(SET, json!({ "signing": "v2" })).await.problem(422);
    assert_eq!(problem["field"], "signing");
    let problem = api.post(ROTATE, json!({ "overlap_s": 2_592_001 })).await.problem(422);
    assert_eq!(problem["field"], "overlap_s");
}

#[tokio::test]
async fn only_a_webhook_in_use_can_be_set() {
    let (api, _) = hooked().await;
    let mail = json!({ "channel": "mail", "value": "sys@example.com" });
    api.put("/v1/recipients/sys/addresses/mail", mail).await.ok(200);
    for path in
        ["/v1/recipients/sys/addresses/mail/webhook", "/v1/recipients/x/addresses/hook/webhook"]
    {
        api.put(path, json!({})).await.problem(404);
        api.get(path).await.problem(404);
    }
    api.delete(HOOK).await.ok(200);
    api.put(SET, json!({})).await.problem(404);
    // Added again it has a secret of its own and nothing of what was set before.
    let body = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
    api.put(HOOK, body).await.ok(200);
    assert_eq!(api.get(SET).await.ok(200).get("public_key"), None);
}

#[tokio::test]
async fn a_client_certificate_is_kept_with_its_key_and_shown_by_when_it_expires() {
    let (api, _) = hooked().await;
    let path = format!("{SET}/certificate");
    let made = |_| rcgen::generate_simple_self_signed(vec!["waybill.example".to_owned()]).unwrap();
    let [one, other] = [0, 1].map(made);
    let key = one.signing_key.serialize_pem();
    let body = json!({ "certificate": one.cert.pem(), "key": key });
    api.put(&path, body).await.ok(200);
    api.put(SET, json!({ "payload": "thin" })).await.ok(200);
    let view = api.get(SET).await;
    assert!(view.ok(200)["certificate_expires_at"].is_string());
    assert!(!view.text().contains("PRIVATE"));
    let (_, pem) = kept(&api).await.client.unwrap();
    assert!(pem.expose_secret().contains(key.trim()));
    let body = json!({ "certificate": other.cert.pem(), "key": key });
    let answer = api.put(&path, body).await;
    let problem = answer.problem(422);
    assert_eq!(problem["field"], "key");
    assert!(!answer.text().contains("PRIVATE"), "{problem}");
    api.delete(&path).await.ok(200);
    assert!(kept(&api).await.client.is_none());
    assert_eq!(api.get(SET).await.ok(200).get("certificate_expires_at"), None);
}
