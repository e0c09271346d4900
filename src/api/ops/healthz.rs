use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: a process that cannot say so does not answer.
    status: &'static str,
    /// Which program.
    version: &'static str,
}

/// Whether the process is alive
///
/// Says nothing of its neighbours: restarting it would not bring them back.
#[utoipa::path(
    get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "It is", body = Health))
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
