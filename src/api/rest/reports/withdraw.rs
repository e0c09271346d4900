use axum::extract::State;
use intake::{ReceiveError, WithdrawVersion};
use schema::{DistributionId, ReportName, StreamId, VersionName};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::carry_out::{record_of, replay};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, Ordered, answer};
use crate::state::ApiState;

/// Why a version is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Why: one line of 1 to 500 bytes.
    #[schema(example = "wrong prices")]
    reason: String,
}

/// Take a version back
///
/// What is not yet sent stays unsent; what was sent stays sent.
#[utoipa::path(
    post, path = "/v1/reports/{report}/versions/{version}/withdraw", tag = "reports",
    params(
        ("report" = String, Path, description = "Name of the report"),
        ("version" = String, Path, description = "Name of the version"),
    ),
    request_body = Withdrawal,
    responses((status = 200, description = "Withdrawn, or already so", body = Ordered))
)]
pub async fn withdraw_version(
    State(api): State<ApiState>,
    Path((report, version)): Path<(String, String)>,
    change: Change,
    body: JsonBody<Withdrawal>,
) -> Result<Done, ApiError> {
    let (report, version) = (ReportName::try_new(report)?, VersionName::try_new(version)?);
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let tenant = change.caller.tenant.clone();
    let distribution = DistributionId::of(&tenant, &report, &version);
    let stream = StreamId::distribution(distribution);
    let told = answer("distribution", &distribution.to_string());
    let (outcome, command) = record_of(&change, digest, 200, &stream, &told);
    let withdrawal = WithdrawVersion {
        tenant,
        report,
        version,
        reason: body.value.reason,
        actor: change.caller.actor(),
        command,
        precondition: change.if_match.precondition(),
        traceparent: Some(change.traceparent.clone()),
    };
    match api.intake.withdraw(withdrawal).await {
        Ok(done) => Ok(Done { outcome, position: done.position, replayed: false, secret: None }),
        Err(ReceiveError::CommandSeen { .. }) => {
            let lost = || ApiError::new(Code::Internal, "the command log lost a withdrawal");
            replay(&api, &change, &digest).await?.ok_or_else(lost)
        }
        Err(error) => Err(error.into()),
    }
}
