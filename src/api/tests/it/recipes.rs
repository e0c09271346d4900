//! A right request for each route, and what another tenant's key is answered to it. A route that is not in the list
//! fails the tests of who may what.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::inbox::serve;
use crate::support::{Answer, Api, request};

/// What another tenant's key is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// There is no such thing.
    Missing,
    /// It names something that is not there, in this field.
    Unknown(&'static str),
    /// A list with nothing in it.
    Empty,
    /// What is its own: nothing else is told or touched.
    Own,
    /// That it is not the installation.
    Refused,
    /// The same as anybody: no key is asked for.
    Public,
}

/// A right request.
pub struct Recipe {
    body: Option<Value>,
    pub stranger: Stranger,
}

/// Ids of things that exist in one tenant.
pub struct Things {
    pub distribution: String,
    pub delivery: String,
    /// Of bob's inbox, by its delivery.
    pub entry: String,
    pub sha256: String,
    pub key: String,
}

impl Things {
    /// Of a tenant with an audience, one version, one file and one key more.
    pub async fn of(api: &Api) -> Self {
        api.audience().await;
        api.put("/v1/groups/desk", json!({ "title": "Desk" })).await.ok(201);
        api.put("/v1/groups/floor", json!({ "title": "Floor" })).await.ok(201);
        api.put("/v1/calendars/desk", json!({ "days_off": ["sunday"] })).await.ok(200);
        let version = json!({ "report": "risk", "version": "v1" });
        let published = api.post("/v1/reports", version).await;
        let distribution = published.ok(201)["distribution"].as_str().unwrap().to_owned();
        let list = format!("/v1/deliveries?at_least_position={}", published.position());
        let deliveries = api.get(&list).await.ok(200);
        let delivery = deliveries["rows"][0]["delivery"].as_str().unwrap().to_owned();
        let key = api.post("/v1/keys", json!({ "title": "k", "scopes": ["read"] })).await.ok(201);
        let key = key["key"].as_str().unwrap().to_owned();
        let upload = Request::post("/v1/artifacts")
            .header("authorization", format!("Bearer {}", api.key))
            .body(Body::from("of acme"))
            .unwrap();
        let sha256 = api.send(upload).await.ok(201)["sha256"].as_str().unwrap().to_owned();
        let entry = entry(api, &sha256).await;
        // Folds all of it.
        api.get(&list).await.ok(200);
        Self { distribution, delivery, entry, sha256, key }
    }

    /// The path with a value for each of its parameters.
    fn filled(&self, path: &str) -> String {
        let inbox = path.starts_with("/v1/inbox/");
        let delivery = if inbox { &self.entry } else { &self.delivery };
        path.replace("{report}", "risk")
            .replace("{version}", "v1")
            .replace("{recipient}", "bob")
            .replace("{address}", "hook")
            .replace("{grant}", "all")
            .replace("{group}", "desk")
            .replace("{member}", "floor")
            .replace("{calendar}", "desk")
            .replace("{subscription}", "bob-risk")
            .replace("{distribution}", &self.distribution)
            .replace("{delivery}", delivery)
            .replace("{sha256}", &self.sha256)
            .replace("{key}", &self.key)
            .replace("{token}", "x.y")
            .replace("{name}", "risk.csv")
    }

    /// Asks a route rightly, with this key.
    pub async fn knock(&self, api: &Api, key: &str, method: &Method, path: &str) -> Answer {
        if method == Method::POST && path == "/v1/bulk/subscriptions" {
            return plain(api, key, path, "application/x-ndjson", "{}\n".to_owned()).await;
        }
        if *method == Method::POST && path == "/v1/suppressions" {
            return plain(api, key, path, "application/x-ndjson", String::new()).await;
        }
        if path == "/v1/rollups" {
            let path = "/v1/rollups?by=tenant";
            return api.send(request(key, method.clone(), path, None, &[])).await;
        }
        if path == "/v1/mail/returns" {
            let mark = api.ledger.vault.return_mark(self.delivery.parse().unwrap());
            let away = format!(
                "From: bob@customer.example\r\nTo: bounce+{mark}@returns.example\r\n\
                 Subject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n"
            );
            return plain(api, key, path, "message/rfc822", away).await;
        }
        let body = recipe(method, path).body;
        api.send(request(key, method.clone(), &self.filled(path), body, &[])).await
    }
}

/// Posts what is no JSON document.
async fn plain(api: &Api, key: &str, path: &str, media: &str, body: String) -> Answer {
    let mut request = Request::post(path).header("content-type", media);
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    api.send(request.body(Body::from(body)).unwrap()).await
}

/// Another version with the file, in bob's inbox.
async fn entry(api: &Api, sha256: &str) -> String {
    let wish = json!({
        "recipient": "bob", "selector": { "report": "risk" },
        "preferences": { "channels": ["inbox"] }
    });
    api.put("/v1/subscriptions/bob-inbox", wish).await.ok(201);
    let file = json!({ "name": "risk.csv", "format": "csv", "sha256": sha256 });
    let version = json!({ "report": "risk", "version": "v2", "artifacts": [file] });
    let position = api.post("/v1/reports", version).await.position();
    let list = format!("/v1/deliveries?channel=inbox&at_least_position={position}");
    let rows = api.get(&list).await.ok(200)["rows"].take();
    let entry = rows[0]["delivery"].as_str().unwrap();
    serve(api, entry.parse().unwrap()).await;
    entry.to_owned()
}

/// The recipe of a route.
#[track_caller]
pub fn recipe(method: &Method, path: &str) -> Recipe {
    use Stranger::{Empty, Missing, Own, Public, Refused, Unknown};
    let reason = || Some(json!({ "reason": "x" }));
    let (body, stranger) = match (method.as_str(), path) {
        ("GET", "/v1/reports" | "/v1/recipients" | "/v1/groups" | "/v1/subscriptions") => {
            (None, Empty)
        }
        ("GET", "/v1/deliveries" | "/v1/pauses" | "/v1/calendars") => (None, Empty),
        ("PUT", "/v1/calendars/{calendar}") => (Some(json!({ "days_off": ["sunday"] })), Own),
        ("GET", "/v1/gates" | "/v1/rollups") => (None, Own),
        ("GET", "/v1/keys" | "/v1/events" | "/v1/bulk/subscriptions") => (None, Own),
        // Of a recipient that is another tenant's: one's own of the same name has nothing.
        ("GET", "/v1/recipients/{recipient}/inbox") => (None, Empty),
        ("POST", "/v1/recipients/{recipient}/inbox/read") => (Some(json!({ "through": 0 })), Own),
        (
            "POST",
            "/v1/recipients/{recipient}/tokens" | "/v1/recipients/{recipient}/preference-links",
        ) => (Some(json!({})), Missing),
        ("POST", "/v1/inbox/{delivery}/snooze") => {
            (Some(json!({ "until": "2100-01-01T00:00:00Z" })), Missing)
        }
        ("POST", "/v1/inbox/{delivery}/on-time") => (Some(json!({ "answer": "on_time" })), Missing),
        ("POST", path) if path.starts_with("/v1/inbox/") => (None, Missing),
        ("GET", path) if path.starts_with("/v1/") && path.ends_with('}') => (None, Missing),
        ("GET", "/v1/groups/{group}/members" | "/v1/distributions/{distribution}/served") => {
            (None, Missing)
        }
        ("DELETE", path) if path.starts_with("/v1/") => (None, Missing),
        ("POST", "/v1/reports") => {
            (Some(json!({ "report": "risk", "version": "v1" })), Unknown("report"))
        }
        ("PUT", "/v1/reports/{report}") => (Some(json!({ "title": "Risk", "owner": "desk" })), Own),
        ("POST", "/v1/reports/{report}/versions/{version}/withdraw") => (reason(), Missing),
        ("POST", "/v1/artifacts") => (Some(json!("of whoever asks")), Own),
        ("PUT", "/v1/recipients/{recipient}") => (Some(json!({ "kind": "person" })), Own),
        ("PUT", "/v1/recipients/{recipient}/addresses/{address}") => {
            let value = "https://hooks.example.com/in";
            (Some(json!({ "channel": "webhook", "value": value })), Missing)
        }
        ("GET", "/v1/recipients/{recipient}/addresses/{address}/webhook")
        | ("POST", "/v1/recipients/{recipient}/addresses/{address}/webhook/test") => {
            (None, Missing)
        }
        ("PUT", "/v1/recipients/{recipient}/addresses/{address}/webhook/certificate") => {
            let made = rcgen::generate_simple_self_signed(vec!["waybill.example".to_owned()]);
            let made = made.unwrap();
            let key = made.signing_key.serialize_pem();
            (Some(json!({ "certificate": made.cert.pem(), "key": key })), Missing)
        }
        ("PUT", "/v1/recipients/{recipient}/addresses/{address}/webhook")
        | ("POST", "/v1/recipients/{recipient}/addresses/{address}/webhook/rotate") => {
            (Some(json!({})), Missing)
        }
        ("PUT", "/v1/recipients/{recipient}/entitlements/{grant}") => {
            (Some(json!({ "report": "*" })), Missing)
        }
        ("PUT", "/v1/groups/{group}") => (Some(json!({ "title": "Desk" })), Own),
        ("POST", "/v1/groups/{group}/members") => (Some(json!({ "remove": ["bob"] })), Missing),
        ("PUT", "/v1/groups/{group}/members/recipients/{recipient}") => {
            (None, Unknown("recipient"))
        }
        ("PUT", "/v1/groups/{group}/members/groups/{member}") => (None, Unknown("member")),
        ("PUT", "/v1/subscriptions/{subscription}/opt-outs/{recipient}") => (None, Missing),
        ("POST", "/v1/subscriptions" | "/v1/subscriptions/preview")
        | ("PUT", "/v1/subscriptions/{subscription}") => {
            let preferences = json!({ "channels": ["webhook"] });
            let body = json!({
                "recipient": "bob", "selector": { "report": "*" }, "preferences": preferences
            });
            (Some(body), Unknown("recipient"))
        }
        ("POST", "/v1/subscriptions/{subscription}/resume") => (None, Missing),
        ("POST", "/v1/subscriptions/{subscription}/pause") => (reason(), Missing),
        ("POST", "/v1/subscriptions/{subscription}/unsubscribe") => (reason(), Missing),
        ("POST", "/v1/bulk/subscriptions") => (None, Own),
        ("POST", "/v1/mail/returns") => (None, Missing),
        ("GET" | "POST", "/v1/suppressions") => (None, Own),
        ("POST", "/v1/suppressions/lift") => {
            (Some(json!({ "address": "nobody@customer.example", "reason": "x" })), Own)
        }
        ("POST", "/v1/distributions/{distribution}/resend") => (Some(json!({})), Missing),
        ("POST", "/v1/deliveries/{delivery}/cancel") => (reason(), Missing),
        ("POST", "/v1/deliveries/{delivery}/resend") => (None, Missing),
        ("POST", "/v1/deliveries/{delivery}/resolve") => {
            (Some(json!({ "attempt": 1, "resolution": "arrived", "note": "x" })), Missing)
        }
        ("POST", "/v1/pauses") => (Some(json!({ "scope": { "kind": "all" }, "reason": "x" })), Own),
        ("POST", "/v1/pauses/resume") => (Some(json!({ "scope": { "kind": "all" } })), Own),
        ("POST", "/v1/keys") => (Some(json!({ "title": "k", "scopes": ["operate"] })), Own),
        ("GET", "/metrics") => (None, Refused),
        ("GET", "/healthz" | "/readyz")
        | ("GET" | "POST", "/u/{token}" | "/p/{token}" | "/t/{token}") => (None, Public),
        other => panic!("{other:?} has no recipe: say what is asked and what a stranger is told"),
    };
    Recipe { body, stranger }
}
