use aggregates::recipient::Command;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::apply::{ask, done, tag_of};
use crate::carry_out::replay;
use crate::change::Change;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::outcome::Done;
use crate::state::ApiState;

/// Which address is to be sent to again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftBody {
    /// The mail address.
    #[schema(example = "ada@customer.example")]
    address: String,
    /// Why: one line of 1 to 500 bytes.
    #[schema(example = "its owner asked for it")]
    reason: String,
}

/// What was lifted.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiftAnswer {
    /// Addresses of recipients that are sent to again.
    pub lifted: u64,
    /// Whether it stood on the imported list.
    pub unlisted: bool,
    /// The position from which it can be read: give it as `at_least_position`.
    pub position: i64,
}

/// Send to an address again
///
/// Whoever has it, and whatever it was suppressed for; it is taken off the imported list, too.
#[utoipa::path(
    post, path = "/v1/suppressions/lift", tag = "mail", request_body = LiftBody,
    responses((status = 200, description = "Lifted, or not suppressed", body = LiftAnswer))
)]
pub async fn lift_suppression(
    State(api): State<ApiState>,
    change: Change,
    body: JsonBody<LiftBody>,
) -> Result<Done, ApiError> {
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let LiftBody { address, reason } = body.value;
    aggregates::form::reason(&reason)?;
    let tag = tag_of(&api, &change, &address).await?;
    let unlisted = api.ledger.unlist_address(&change.caller.tenant, &tag).await?;
    let mut lifted = 0_u64;
    for (recipient, address) in api.ledger.find_by_address(&change.caller.tenant, &tag).await? {
        let lift = |_: &_| {
            let (address, reason) = (address.clone(), reason.clone());
            Some(Command::LiftSuppression { address, reason })
        };
        lifted += u64::from(ask(&api, &change, &recipient, lift).await?);
    }
    let told = Map::from_iter([
        ("lifted".to_owned(), json!(lifted)),
        ("unlisted".to_owned(), json!(unlisted)),
    ]);
    done(&api, &change, digest, &told).await
}
