use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::figures::{Gate, gates_of, span};
use crate::position::AtLeast;
use crate::state::ApiState;

/// Read beside each other.
const MODELS: [&str; 2] = ["distributions", "deliveries"];

/// Which span.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Versions received at or after this RFC 3339 instant; 30 days before `until` when absent.
    since: Option<String>,
    /// Versions received before this instant; now when absent.
    until: Option<String>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// The gates over a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatesView {
    /// From then.
    since: String,
    /// Until before then.
    until: String,
    /// Each of them.
    gates: Vec<GateView>,
}

/// A gate: what it counts, over what, what is left out, whether it is met.
#[derive(Debug, Serialize, ToSchema)]
pub struct GateView {
    /// Its name.
    name: &'static str,
    /// What it says, in words.
    definition: &'static str,
    /// What it is held against.
    target: &'static str,
    /// How many are as they should be.
    numerator: i64,
    /// Of how many.
    denominator: i64,
    /// The percentile in milliseconds, where the gate is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_ms: Option<f64>,
    /// `met`, `missed`, or `no_data` where there is nothing to judge.
    verdict: &'static str,
    /// What the denominator leaves out, by class.
    excluded: BTreeMap<String, i64>,
}

impl From<Gate> for GateView {
    fn from(gate: Gate) -> Self {
        let Gate { name, definition, target, numerator, denominator, value_ms, verdict, .. } = gate;
        let (verdict, excluded) = (verdict.as_str(), gate.excluded.into_iter().collect());
        Self { name, definition, target, numerator, denominator, value_ms, verdict, excluded }
    }
}

/// The gates as live figures
///
/// Success, latency, satisfaction, availability: each with numerator, denominator, exclusions, definition and target.
#[utoipa::path(
    get, path = "/v1/gates", tag = "deliveries",
    params(Span),
    responses((status = 200, description = "Each gate", body = GatesView))
)]
pub async fn get_gates(
    State(api): State<ApiState>,
    Query(asked): Query<Span>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<GatesView>, ApiError> {
    let span = span(asked.since.as_deref(), asked.until.as_deref())?;
    for model in MODELS {
        at_least.wait(&api, model).await?;
    }
    let gates = gates_of(&api, caller.tenant.as_str(), span).await?;
    let (since, until) = (span.0.to_string(), span.1.to_string());
    Ok(Json(GatesView { since, until, gates: gates.into_iter().map(Into::into).collect() }))
}
