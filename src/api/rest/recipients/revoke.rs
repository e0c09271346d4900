use aggregates::recipient::{Command, Recipient, Rules};
use axum::extract::State;
use schema::{GrantId, RecipientId, StreamId};

use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::outcome::{Changed, Done, Reason, answer};
use crate::state::ApiState;

/// Revoke an entitlement
///
/// It is checked again at each send: what is planned and not yet sent stays unsent.
#[utoipa::path(
    delete, path = "/v1/recipients/{recipient}/entitlements/{grant}", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("grant" = String, Path, description = "Name of the grant"),
        Reason,
    ),
    responses((status = 200, description = "Revoked, or already so", body = Changed))
)]
pub async fn revoke_entitlement(
    State(api): State<ApiState>,
    Path((recipient, grant)): Path<(String, String)>,
    Query(reason): Query<Reason>,
    change: Change,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let grant = GrantId::try_new(grant)?;
    let plan = Plan::of(StreamId::recipient(&change.caller.tenant, &recipient), &[]);
    let choose = |_: &Recipient| {
        Ok(Command::Revoke { grant: grant.clone(), reason: reason.text().to_owned() })
    };
    let mut names = answer("recipient", recipient.as_str());
    names.insert("grant".to_owned(), grant.as_str().into());
    carry_out::<Rules>(&api, &change, plan, choose, |_| names.clone()).await
}
