use aggregates::recipient::{Command, Recipient, Rules};
use axum::extract::State;
use schema::{GrantId, RecipientId, ReportSelector, StreamId};

use super::body::EntitlementBody;
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{JsonBody, Path, instant};
use crate::known;
use crate::outcome::{Changed, Done, answer};
use crate::state::ApiState;

/// Grant an entitlement, or replace the grant of this name
///
/// Without one that covers the report, nothing is sent. Who granted it is kept.
#[utoipa::path(
    put, path = "/v1/recipients/{recipient}/entitlements/{grant}", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("grant" = String, Path, description = "Name of the grant within the recipient"),
    ),
    request_body = EntitlementBody,
    responses((status = 200, description = "Granted, or already so", body = Changed))
)]
pub async fn put_entitlement(
    State(api): State<ApiState>,
    Path((recipient, grant)): Path<(String, String)>,
    change: Change,
    body: JsonBody<EntitlementBody>,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let grant = GrantId::try_new(grant)?;
    let report = ReportSelector::try_from(body.value.report)?;
    let until = instant("until", body.value.until.as_deref())?;
    known::report(&api, &change.caller.tenant, "report", &report).await?;
    let plan = Plan::of(StreamId::recipient(&change.caller.tenant, &recipient), &body.bytes);
    let choose =
        |_: &Recipient| Ok(Command::Grant { grant: grant.clone(), report: report.clone(), until });
    let mut names = answer("recipient", recipient.as_str());
    names.insert("grant".to_owned(), grant.as_str().into());
    carry_out::<Rules>(&api, &change, plan, choose, |_| names.clone()).await
}
