use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use schema::TenantId;
use schema::events::Scope;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::auth::authenticate;
use crate::error::{Code, with_status};
use crate::state::ApiState;
use crate::walls::Part;

/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the parts that bound themselves are given beyond that.
const GRACE: Duration = Duration::from_millis(500);
/// How long an answer holds: however many ask, the neighbours are asked so often.
const HOLDS: Duration = Duration::from_millis(500);

/// What does its work, what does not, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessView {
    /// Whether reports can be taken.
    ready: bool,
    /// Names of parts that do not do their work although reports can be taken.
    degraded: Vec<String>,
    /// For operators all parts, with details and facts; for anyone else those that do not do their work, and why in
    /// plain words.
    parts: Vec<Part>,
}

/// How the parts were when they were last asked. One caller asks, the others wait for what it hears: that is why the
/// lock is held meanwhile.
#[derive(Default)]
pub(crate) struct Latest(Mutex<Option<(Instant, Arc<[Part]>)>>);

impl Latest {
    async fn parts(&self, api: &ApiState) -> Arc<[Part]> {
        let mut latest = self.0.lock().await;
        if let Some((at, parts)) = &*latest
            && at.elapsed() < HOLDS
        {
            return Arc::clone(parts);
        }
        let parts: Arc<[Part]> = ask(api).await.into();
        *latest = Some((Instant::now(), Arc::clone(&parts)));
        parts
    }
}

/// Whether this node can take reports, as `/readyz` says it.
pub async fn is_ready(api: &ApiState) -> bool {
    can_take(&api.latest().parts(api).await)
}

fn can_take(parts: &[Part]) -> bool {
    parts.iter().all(|part| part.ok || !part.required)
}

/// Whether reports can be taken
///
/// 503 when they cannot. A part that fails without keeping reports out is named as degraded. Details are shown to a key
/// of the tenant `system` with the scope `operate`, and at `api.ops_bind`.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "They can", body = ReadinessView),
        (status = 503, description = "They cannot", body = ReadinessView),
    )
)]
pub async fn readyz(State(api): State<ApiState>, headers: HeaderMap) -> Response {
    let parts = api.latest().parts(&api).await;
    if is_operator(&api, &headers) {
        return answer(&parts, parts.to_vec());
    }
    let shown = parts.iter().filter(|part| !part.ok).map(Part::in_public).collect();
    answer(&parts, shown)
}

/// The same with every detail, where only operators come.
pub(super) async fn readyz_whole(State(api): State<ApiState>) -> Response {
    let parts = api.latest().parts(&api).await;
    answer(&parts, parts.to_vec())
}

fn is_operator(api: &ApiState, headers: &HeaderMap) -> bool {
    let caller = authenticate(api, headers).ok();
    caller.is_some_and(|caller| caller.is_of_installation() && caller.may(Scope::Operate))
}

fn answer(all: &[Part], parts: Vec<Part>) -> Response {
    let ready = can_take(all);
    let limps = |part: &&Part| !part.ok && !part.required;
    let degraded = all.iter().filter(limps).map(|part| part.name.clone()).collect();
    let response = Json(ReadinessView { ready, degraded, parts }).into_response();
    if ready { response } else { with_status(Code::Unavailable, response) }
}

async fn ask(api: &ApiState) -> Vec<Part> {
    let (database, vault, others) = tokio::join!(database(api), vault(api), others(api));
    let mut parts = vec![database, vault];
    parts.extend(others);
    parts
}

async fn database(api: &ApiState) -> Part {
    const NAME: &str = "database";
    match timeout(PATIENCE, api.ledger.head()).await {
        Ok(Ok(head)) => Part::ok(NAME, true).with("head", head.0),
        Ok(Err(error)) => Part::failed(NAME, true, "it cannot be used").because(error.to_string()),
        Err(_) => Part::failed(NAME, true, "it does not answer within a second"),
    }
}

/// Reports can be taken without it; recipients and sends need it.
async fn vault(api: &ApiState) -> Part {
    const NAME: &str = "vault";
    let Ok(installation) = TenantId::try_new("system") else {
        return Part::failed(NAME, false, "the tenant system has no name");
    };
    match timeout(PATIENCE, api.vault.secret(&installation, "readyz")).await {
        Ok(Ok(_)) => Part::ok(NAME, false),
        Ok(Err(error)) => Part::failed(NAME, false, "it cannot be used").because(error.to_string()),
        Err(_) => Part::failed(NAME, false, "it does not answer within a second"),
    }
}

/// Parts that cannot even say how they are may be the ones that reports need.
async fn others(api: &ApiState) -> Vec<Part> {
    let late = || vec![Part::failed("process", true, "its parts do not answer within a second")];
    timeout(PATIENCE + GRACE, api.readiness.parts()).await.unwrap_or_else(|_| late())
}
