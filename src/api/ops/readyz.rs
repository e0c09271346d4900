use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schema::TenantId;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::error::{Code, with_status};
use crate::state::ApiState;
use crate::walls::Part;

/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// What does its work, what does not, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessView {
    /// Whether reports can be taken.
    ready: bool,
    /// Names of parts that do not do their work although reports can be taken.
    degraded: Vec<String>,
    /// All parts.
    parts: Vec<Part>,
}

/// Whether reports can be taken
///
/// 503 when they cannot. A part that fails without keeping reports out is named as degraded.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "They can", body = ReadinessView),
        (status = 503, description = "They cannot", body = ReadinessView),
    )
)]
pub async fn readyz(State(api): State<ApiState>) -> Response {
    let (database, vault, others) = tokio::join!(database(&api), vault(&api), others(&api));
    let mut parts = vec![database, vault];
    parts.extend(others);
    let ready = parts.iter().all(|part| part.ok || !part.required);
    let limps = |part: &&Part| !part.ok && !part.required;
    let degraded = parts.iter().filter(limps).map(|part| part.name.clone()).collect();
    let response = Json(ReadinessView { ready, degraded, parts }).into_response();
    if ready { response } else { with_status(Code::Unavailable, response) }
}

async fn database(api: &ApiState) -> Part {
    let answer = timeout(PATIENCE, sqlx::query("select 1").execute(&api.reads)).await;
    match answer {
        Ok(Ok(_)) => Part::ok("database", true),
        Ok(Err(error)) => Part::failed("database", true, error.to_string()),
        Err(_) => Part::failed("database", true, "no answer within a second"),
    }
}

/// Reports can be taken without it; recipients and sends need it.
async fn vault(api: &ApiState) -> Part {
    let Ok(installation) = TenantId::try_new("system") else {
        return Part::failed("vault", false, "the tenant system has no name");
    };
    match timeout(PATIENCE, api.vault.secret(&installation, "readyz")).await {
        Ok(Ok(_)) => Part::ok("vault", false),
        Ok(Err(error)) => Part::failed("vault", false, error.to_string()),
        Err(_) => Part::failed("vault", false, "no answer within a second"),
    }
}

async fn others(api: &ApiState) -> Vec<Part> {
    let late = || vec![Part::failed("process", false, "its parts did not answer within a second")];
    timeout(PATIENCE, api.readiness.parts()).await.unwrap_or_else(|_| late())
}
