use axum::extract::State;
use projections::recipients::queries;
use schema::RecipientId;

use super::body::{EntitlementView, RecipientView};
use super::unsealed::{told, told_address};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::etag::Tagged;
use crate::extract::Path;
use crate::position::{AtLeast, AtLeastQuery};
use crate::state::ApiState;

/// One recipient, with addresses and entitlements
///
/// Name and addresses are masked unless the key has the scope `audit`.
#[utoipa::path(
    get, path = "/v1/recipients/{recipient}", tag = "recipients",
    params(("recipient" = String, Path, description = "Pseudonym of the recipient"), AtLeastQuery),
    responses((status = 200, description = "The recipient", body = RecipientView))
)]
pub async fn get_recipient(
    State(api): State<ApiState>,
    Path(recipient): Path<String>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Tagged<RecipientView>, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    at_least.wait(&api, "recipients").await?;
    let (tenant, ids) = (caller.tenant.as_str(), [recipient.to_string()]);
    let row = queries::by_ids(&api.reads, tenant, &ids).await?.into_iter().next();
    let row = row.ok_or_else(|| ApiError::not_found("recipient", recipient.as_str()))?;
    let mut view = told(&api, &caller, row).await?;
    let mut addresses = Vec::new();
    for row in queries::addresses_of(&api.reads, tenant, &ids).await? {
        addresses.push(told_address(&api, &caller, &recipient, row).await?);
    }
    let grants = queries::entitlements_of(&api.reads, tenant, &ids).await?;
    view.addresses = Some(addresses);
    view.entitlements = Some(grants.into_iter().map(EntitlementView::from).collect());
    Ok(Tagged { sequence: view.sequence, value: view })
}
