//! One API over one private ledger, and a caller who checks every answer against the description.

mod desk;
mod folded;

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use aggregates::retry::Schedules;
use aggregates::routing::RoutingIndex;
use analysis::{Analyst, AnalyticsConfig};
use artifacts::{ArtifactStore, ArtifactsConfig};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use intake::{Intake, IntakeConfig, Neighbours, NoPermits};
use returns::{ReturnDesk, ReturnsConfig};
use schema::events::{ApiKeyEvent, Scope, TenantEvent};
use schema::{
    Actor, ApiKeyId, LedgerEvent, Metadata, RecordedEvent, StreamId, TenantId, Timestamp,
};
use serde_json::Value;
use store::testing::TestLedger;
use store::{Append, Ledger, Tail, TailConfig, Unit};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use waybill_api::walls::{Part, Readiness};
use waybill_api::{ApiConfig, ApiParts, ApiState, InboxConfig, router};

pub use desk::Rules;
pub use folded::Folded;

/// The tenant most tests work in.
pub const ACME: &str = "acme";
/// A secret's clear part is the same for all test keys; the id tells them apart.
const SECRET: &str = "c2VjcmV0LW9mLWEtdGVzdC1rZXktMzItYnl0ZXMtbG9uZw";

pub struct Api {
    pub state: ApiState,
    pub router: Router,
    pub ledger: TestLedger,
    pub document: Value,
    pub folded: Arc<Folded>,
    _files: TempDir,
    /// A key of [`ACME`] that may do everything.
    pub key: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn position(&self) -> i64 {
        self.json()["position"].as_i64().unwrap()
    }

    /// The problem's code, after checking its form.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        let code = body["code"].as_str().unwrap();
        assert_eq!(body["type"], format!("urn:waybill:problem:{code}"));
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        body
    }

    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut ApiConfig)) -> Self {
        let ledger = TestLedger::start().await;
        let files = TempDir::new().unwrap();
        let routing = Arc::new(RwLock::new(RoutingIndex::new()));
        let feed = Arc::clone(&routing);
        ledger.ledger.on_append(Arc::new(move |events: &[RecordedEvent]| {
            let mut index = feed.write().unwrap();
            for event in events {
                index.apply(&event.metadata.tenant, &event.stream, event.sequence, &event.event);
            }
        }));
        let store =
            ArtifactsConfig { dir: files.path().into(), max_bytes: 4096, ..Default::default() };
        let artifacts = ArtifactStore::open(&store).unwrap();
        let frames = render::Frames::new(artifacts.clone(), 2);
        let near = Neighbours {
            ledger: Arc::clone(&ledger.ledger),
            artifacts: artifacts.clone(),
            frames: frames.clone(),
            routing: Arc::clone(&routing),
            permits: Arc::new(NoPermits),
            schedules: Schedules::default(),
        };
        let stop = CancellationToken::new();
        let tail = Tail::start(&ledger.ledger, TailConfig::default(), stop).await.unwrap();
        let folded = Arc::new(Folded::new(Arc::clone(&ledger.ledger)));
        let mut config = ApiConfig::default();
        change(&mut config);
        let state = ApiState::new(ApiParts {
            ledger: Arc::clone(&ledger.ledger),
            tail: Arc::new(tail),
            vault: Arc::clone(&ledger.vault),
            routing: Arc::clone(&routing),
            intake: Arc::new(Intake::try_new(IntakeConfig::default(), "test", near).unwrap()),
            artifacts,
            frames,
            analyst: Arc::new(analyst(&ledger.ledger)),
            reads: ledger.ledger.pool().clone(),
            config,
            inbox: InboxConfig::default(),
            readiness: Arc::new(TailBlocked),
            read_position: folded.clone(),
            deliveries: Arc::new(desk::Desk::new(Arc::clone(&ledger.ledger), routing)),
            returns: Arc::new(ReturnDesk::new(
                Arc::clone(&ledger.ledger),
                Arc::clone(&ledger.vault),
                ReturnsConfig::default(),
            )),
            address_rules: Arc::new(Rules),
            metrics: Arc::new(|| "waybill_up 1\n".to_owned()),
        });
        let document = waybill_api::openapi();
        let router = router(state.clone());
        let (key, _files) = (String::new(), files);
        let mut api = Self { state, router, ledger, document, folded, _files, key };
        api.tenant(ACME).await;
        api.key = api.key_of(ACME, &Scope::ALL).await;
        api
    }

    pub async fn append(&self, tenant: &str, stream: StreamId, events: Vec<LedgerEvent>) {
        let expected = self.ledger.ledger.load_stream(&stream, 0).await.unwrap().len();
        let tenant = TenantId::try_new(tenant).unwrap();
        let mut unit = Unit::new(Metadata::new(tenant, Actor::new("cli", "test")));
        unit.appends.push(Append { stream, expected: i64::try_from(expected).unwrap(), events });
        self.ledger.ledger.append(unit).await.unwrap();
    }

    pub async fn tenant(&self, tenant: &str) {
        let id = TenantId::try_new(tenant).unwrap();
        let created = TenantEvent::TenantCreated { title: tenant.to_owned() };
        self.append(tenant, StreamId::tenant(&id), vec![created.into()]).await;
    }

    pub async fn key_of(&self, tenant: &str, scopes: &[Scope]) -> String {
        self.key_until(tenant, scopes, None).await
    }

    pub async fn key_until(
        &self,
        tenant: &str,
        scopes: &[Scope],
        end: Option<Timestamp>,
    ) -> String {
        let id = format!("{:x}", rand::random::<u64>());
        let (tenant_id, key) =
            (TenantId::try_new(tenant).unwrap(), ApiKeyId::try_new(&*id).unwrap());
        let issued = ApiKeyEvent::ApiKeyIssued {
            limits: schema::events::KeyLimits::default(),
            title: "test".to_owned(),
            secret_hash: self.ledger.vault.hash_api_secret(SECRET),
            scopes: scopes.iter().copied().collect::<BTreeSet<Scope>>(),
            expires_at: end,
        };
        self.append(tenant, StreamId::api_key(&tenant_id, &key), vec![issued.into()]).await;
        format!("wb_{id}_{SECRET}")
    }

    /// Sends a request as it is. Its answer must be one that the description names.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes =
            axum::body::to_bytes(body, 1 << 24).await.map(|b| b.to_vec()).unwrap_or_default();
        let answer = Answer { status: parts.status, headers: parts.headers, bytes };
        self.check_documented(&method, &path, &answer);
        answer
    }

    #[track_caller]
    fn check_documented(&self, method: &Method, path: &str, answer: &Answer) {
        let paths = self.document["paths"].as_object().unwrap();
        let fits = |pattern: &str| {
            let (a, b): (Vec<_>, Vec<_>) =
                (pattern.split('/').collect(), path.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.starts_with('{') || a == b)
        };
        let exact = paths
            .get(path)
            .or_else(|| paths.iter().find(|(pattern, _)| fits(pattern)).map(|(_, item)| item));
        let Some(operation) = exact.and_then(|item| item.get(method.as_str().to_lowercase()))
        else {
            return;
        };
        let status = answer.status.as_u16().to_string();
        let documented = operation["responses"].get(&status).is_some();
        assert!(
            documented,
            "{method} {path} answers {status}, which is not documented: {}",
            answer.text()
        );
    }

    pub async fn call(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        self.send(request(key, method, path, Some(body), &[])).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request(&self.key, Method::GET, path, None, &[])).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(&self.key, Method::PUT, path, body).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(&self.key, Method::POST, path, body).await
    }

    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(request(&self.key, Method::POST, path, None, &[])).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request(&self.key, Method::DELETE, path, None, &[])).await
    }

    pub async fn with(
        &self,
        method: Method,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.send(request(&self.key, method, path, Some(body), headers)).await
    }

    /// How many events the ledger has.
    pub async fn event_count(&self) -> usize {
        let ledger = &self.ledger.ledger;
        let head = ledger.head().await.unwrap();
        ledger.read(schema::Position::START, head, 100_000, None).await.unwrap().len()
    }

    /// A report, a recipient with a webhook and a grant, and a subscription of everything.
    pub async fn audience(&self) {
        use serde_json::json;
        self.put("/v1/reports/risk", json!({ "title": "Risk", "owner": "desk" })).await.ok(201);
        self.put("/v1/recipients/bob", json!({ "kind": "person", "name": "Bob" })).await.ok(201);
        let hook = json!({ "channel": "webhook", "value": "https://hooks.example.com/in" });
        self.put("/v1/recipients/bob/addresses/hook", hook).await.ok(200);
        self.put("/v1/recipients/bob/entitlements/all", json!({ "report": "*" })).await.ok(200);
        let body = json!({
            "recipient": "bob", "selector": { "report": "risk" },
            "preferences": { "channels": ["webhook"] }
        });
        self.put("/v1/subscriptions/bob-risk", body).await.ok(201);
    }
}

pub fn request(
    key: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// A process whose tail is held up: reports are taken all the same.
struct TailBlocked;

#[async_trait]
impl Readiness for TailBlocked {
    async fn parts(&self) -> Vec<Part> {
        let part = Part::failed("tail", false, "an open transaction holds it up");
        vec![part.because("held up by backend 4711").with("blocked_ms", 1200)]
    }
}

/// Someone to ask, with the program that `cargo test` builds beside this one.
fn analyst(ledger: &Arc<Ledger>) -> Analyst {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("waybill-duckdb");
    let config = AnalyticsConfig { program: Some(program), ..AnalyticsConfig::default() };
    Analyst::new(ledger, &export::ExportConfig::default(), &config)
}
