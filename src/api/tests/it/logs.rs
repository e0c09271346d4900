//! A canary in every personal field and secret that comes in or goes out, at log level trace: none is in any log.

use std::cell::RefCell;
use std::io::{self, Write};

use axum::body::Body;
use axum::http::{Method, Request};
use schema::events::Scope;
use serde_json::json;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::support::{ACME, Api, request};

thread_local! {
    // A test and all it starts run on one thread, so this is the test's own log; other tests have none.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.get_or_insert_default().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    let own = dynamic_filter_fn(|_, _| LOG.with_borrow(Option::is_some));
    let lines = fmt::layer().with_ansi(false).with_writer(|| Log).with_filter(own);
    tracing::subscriber::set_global_default(Registry::default().with(lines)).unwrap();
    LOG.set(Some(Vec::new()));
}

#[tokio::test]
async fn no_address_name_key_token_or_body_reaches_a_log() {
    listen();
    let api = Api::start().await;
    api.audience().await;
    let named = json!({ "kind": "person", "name": "CANARY-name" });
    api.put("/v1/recipients/eve", named).await.ok(201);
    for (channel, value) in [
        ("mail", "canary-mail@example.com"),
        ("mail", "canary-broken@"),
        ("webhook", "https://127.0.0.1/canary-hook"),
    ] {
        let body = json!({ "channel": channel, "value": value });
        api.put("/v1/recipients/eve/addresses/work", body).await;
    }
    api.get("/v1/recipients/eve?at_least_position=1").await.ok(200);
    api.get("/v1/recipients?address=canary-mail%40example.com").await.ok(200);
    api.get("/v1/reports?canary=1").await.problem(422);
    let hook = json!({ "channel": "webhook", "value": "https://canary-host.example.com/in" });
    let hook = api.put("/v1/recipients/eve/addresses/hook", hook).await.ok(200);
    let issued = json!({ "title": "k", "scopes": ["read"] });
    let issued = api.post("/v1/keys", issued).await.ok(201);
    let secret = issued["secret"].as_str().unwrap().rsplit('_').next().unwrap().to_owned();
    api.send(request("wb_nobody_canary-secret", Method::GET, "/v1/reports", None, &[])).await;
    let link = Request::get("/u/canary-token.x").body(Body::empty()).unwrap();
    api.send(link).await;
    api.key_of(ACME, &[Scope::Read]).await;

    let text = String::from_utf8(LOG.take().unwrap()).unwrap();
    let path = "/v1/recipients/{recipient}/addresses/{address} answered 200";
    assert!(text.contains(path), "no line of the access log in {} bytes", text.len());
    let whsec = hook["secret"].as_str().unwrap();
    let own = api.key.rsplit('_').next().unwrap();
    for canary in ["canary", whsec, &secret, own] {
        let found = text.to_lowercase().find(&canary.to_lowercase());
        let near = found.map(|at| text.get(at.saturating_sub(200)..at + 80));
        assert_eq!(near, None, "a canary is in the log");
    }
}
