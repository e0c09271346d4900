//! A small world that is read: one report, its audience, one version, and what became of its deliveries.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use followers::{Checkpoints, FollowerConfig, projectors};
use schema::events::{AttemptOutcome, DeadLetterReason, DeliveryEvent, NextStep, Scope};
use schema::{
    DeliveryId, FailureClass, Fault, LedgerEvent, Position, Proof, Receipt, RecipientId, Sha256,
    StreamId, TenantId, Timestamp,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use waybill_api::ApiConfig;

use crate::support::{ACME, Api};

/// What the other side said of bob: personal data.
pub const REPLY: &str = "503 try later, dear bob@example.com";

pub struct World {
    pub api: Api,
    /// May read, and nothing else.
    pub reader: String,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl World {
    /// Nobody in it yet.
    pub async fn empty() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with a change to how the API is configured.
    pub async fn with(change: impl FnOnce(&mut ApiConfig)) -> Self {
        let configured = |config: &mut ApiConfig| {
            config.position_wait_ms = 2_000;
            change(config);
        };
        let api = Api::start_with(configured).await;
        let reader = api.key_of(ACME, &[Scope::Read]).await;
        let stop = CancellationToken::new();
        let (ledger, tail) = (Arc::clone(&api.state.ledger), Arc::clone(&api.state.tail));
        let until = stop.clone();
        let running = tokio::spawn(async move {
            let config = FollowerConfig { idle_checkpoint_ms: 10, ..FollowerConfig::default() };
            followers::run(&ledger, &tail, projectors(), config, "test", &until).await;
        });
        let world = Self { api, reader, stop, running };
        world.settled().await;
        world
    }

    /// The report `risk`, with `bob` and so many others who subscribe to it; `carol` is not entitled, `dave` paused.
    pub async fn peopled(others: usize) -> Self {
        let world = Self::empty().await;
        world.api.audience().await;
        for n in 0..others {
            world.subscriber(&format!("r{n:03}"), true).await;
        }
        world.subscriber("carol", false).await;
        world.subscriber("dave", true).await;
        world
            .api
            .post("/v1/subscriptions/dave-risk/pause", json!({ "reason": "away" }))
            .await
            .ok(200);
        world
    }

    async fn subscriber(&self, name: &str, entitled: bool) {
        let path = format!("/v1/recipients/{name}");
        self.api.put(&path, json!({ "kind": "person", "name": name })).await.ok(201);
        let hook = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
        self.api.put(&format!("{path}/addresses/hook"), hook).await.ok(200);
        if entitled {
            let grant = json!({ "report": "risk" });
            self.api.put(&format!("{path}/entitlements/risk"), grant).await.ok(200);
        }
        let body = json!({
            "recipient": name, "selector": { "report": "risk" },
            "preferences": { "channels": ["webhook"] }
        });
        self.api.put(&format!("/v1/subscriptions/{name}-risk"), body).await.ok(201);
    }

    /// Publishes a version of `risk`; its distribution.
    pub async fn publish(&self, version: &str) -> String {
        let body =
            json!({ "report": "risk", "version": version, "attributes": { "region": "eu" } });
        let told = self.api.post("/v1/reports", body).await.ok(201);
        told["distribution"].as_str().unwrap().to_owned()
    }

    /// The delivery of a version to a recipient.
    pub async fn delivery(&self, version: &str, recipient: &str) -> DeliveryId {
        let query = "query($v: String!, $r: ID!) { \
                     deliveries(filter: { report: \"risk\", version: $v, recipient: $r }) { edges { node { id } } } }";
        let told = self.data(query, json!({ "v": version, "r": recipient })).await;
        told["deliveries"]["edges"][0]["node"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Records events of a delivery, as dispatch would.
    pub async fn record(&self, delivery: DeliveryId, events: Vec<DeliveryEvent>) {
        let events: Vec<LedgerEvent> = events.into_iter().map(LedgerEvent::from).collect();
        self.api.append(ACME, StreamId::delivery(delivery), events).await;
    }

    /// A first attempt that the other side put off, and a second one that worked.
    pub async fn retried_to_the_end(&self, delivery: DeliveryId, recipient: &str) {
        let failed = self.failed(delivery, recipient, NextStep::RetryAt { at: at(2_000) }).await;
        let delivered = AttemptOutcome::Succeeded { receipt: receipt() };
        let events = vec![started(1), ended(1, failed), started(2), ended(2, delivered)];
        self.record(delivery, events).await;
    }

    /// Given up at the first attempt.
    pub async fn given_up(&self, delivery: DeliveryId, recipient: &str) {
        let next = NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable };
        let failed = self.failed(delivery, recipient, next).await;
        self.record(delivery, vec![started(1), ended(1, failed)]).await;
    }

    async fn failed(
        &self,
        delivery: DeliveryId,
        recipient: &str,
        next: NextStep,
    ) -> AttemptOutcome {
        let (tenant, subject) =
            (TenantId::try_new(ACME).unwrap(), RecipientId::try_new(recipient).unwrap());
        let place = format!("{}#reply", StreamId::delivery(delivery));
        let reply = self.api.ledger.vault.seal(&tenant, &subject, &place, REPLY).await.unwrap();
        let fault = Fault {
            class: FailureClass::Transient,
            code: "http.503".to_owned(),
            reply: Some(reply),
            retry_after_ms: None,
        };
        AttemptOutcome::Failed { fault, next }
    }

    /// The log's last position.
    pub async fn head(&self) -> Position {
        self.api.state.ledger.head().await.unwrap()
    }

    /// Asks with a key, having seen all that was written; status and body.
    pub async fn ask(&self, key: &str, query: &str, variables: Value) -> (StatusCode, Value) {
        let head = self.head().await;
        let body = json!({
            "query": query, "variables": variables, "extensions": { "atLeastPosition": head.0 }
        });
        self.post(key, body.to_string()).await
    }

    /// Posts a body as it is.
    pub async fn post(&self, key: &str, body: String) -> (StatusCode, Value) {
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.api.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// What a reader is answered; there must be no error.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let (status, mut body) = self.ask(&self.reader, query, variables).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(body.get("errors").is_none(), "{body}");
        body["data"].take()
    }

    /// The codes of the errors that a key is answered with.
    pub async fn codes(&self, key: &str, query: &str, variables: Value) -> Vec<String> {
        codes(&self.ask(key, query, variables).await.1)
    }

    /// Waits until every read model has seen all that was written.
    pub async fn settled(&self) {
        let checkpoints = Checkpoints::new(Arc::clone(&self.api.state.ledger));
        let models = [
            "tenants",
            "reports",
            "recipients",
            "subscriptions",
            "distributions",
            "deliveries",
            "inbox",
        ];
        let patience = std::time::Duration::from_secs(20);
        checkpoints.await_position(&models, self.head().await, patience).await.unwrap();
    }

    pub async fn end(self) {
        self.quiet().await;
    }

    /// Lets the followers go; what they have read stays.
    pub async fn quiet(self) -> Api {
        self.stop.cancel();
        self.running.await.unwrap();
        self.api
    }
}

/// Asks without naming a position; the body.
pub async fn plain(router: &Router, key: &str, query: &str, variables: Value) -> Value {
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {key}"))
        .body(Body::from(json!({ "query": query, "variables": variables }).to_string()))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub fn codes(body: &Value) -> Vec<String> {
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    errors
        .iter()
        .map(|error| error["extensions"]["code"].as_str().unwrap_or("no code").to_owned())
        .collect()
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000 + millis * 1_000)
}

pub fn started(attempt: u32) -> DeliveryEvent {
    DeliveryEvent::AttemptStarted { attempt, node: "n1".to_owned(), address_revision: 1 }
}

pub fn ended(attempt: u32, outcome: AttemptOutcome) -> DeliveryEvent {
    let sent_at = Some(at(i64::from(attempt) * 1_000));
    DeliveryEvent::AttemptEnded { attempt, sent_at, elapsed_us: Some(12_345), outcome }
}

pub fn receipt() -> Receipt {
    Receipt {
        proof: Proof::Delivered,
        status: 200,
        content_sha256: Sha256::of(b"what was sent"),
        content_bytes: 13,
        reply: None,
    }
}
