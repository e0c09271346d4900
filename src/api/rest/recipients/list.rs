use axum::Json;
use axum::extract::State;
use projections::Page;
use projections::recipients::RecipientRow;
use projections::recipients::queries::{self, RecipientFilter};
use schema::events::Scope;
use schema::{ChannelKind, RecipientId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::RecipientView;
use super::unsealed::told;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::extract::Query;
use crate::position::AtLeast;
use crate::rest::listing::{Listing, page_request};
use crate::rest::words::{ChannelWord, RecipientKindWord};
use crate::state::ApiState;

/// Which recipients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows of the page, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only those of this kind.
    kind: Option<RecipientKindWord>,
    /// Only those retired, or only those not.
    retired: Option<bool>,
    /// Only those with an active address on this channel.
    channel: Option<ChannelWord>,
    /// Only those with an active address at this destination.
    destination: Option<String>,
    /// Only those with this very address in use; needs the scope `audit`, and no other filter beside it.
    #[param(value_type = Option<String>)]
    address: Option<SecretString>,
    /// Wait until this position can be read.
    #[expect(dead_code, reason = "read by AtLeast")]
    at_least_position: Option<i64>,
}

/// All recipients, newest first
#[utoipa::path(
    get, path = "/v1/recipients", tag = "recipients", params(Which),
    responses((status = 200, description = "A page of recipients", body = Listing<RecipientView>))
)]
pub async fn list_recipients(
    State(api): State<ApiState>,
    Query(which): Query<Which>,
    caller: Caller,
    at_least: AtLeast,
) -> Result<Json<Listing<RecipientView>>, ApiError> {
    if which.address.is_some() {
        caller.needs(Scope::Audit)?;
    }
    at_least.wait(&api, "recipients").await?;
    let page = match &which.address {
        Some(address) => at_address(&api, &caller, address).await?,
        None => filtered(&api, &caller, &which).await?,
    };
    api.vault.prefetch(&caller.tenant, &subjects(&page)?).await?;
    let next = page.has_next.then(|| page.edges.last().map(|edge| edge.cursor.to_string()));
    let mut rows = Vec::new();
    for row in page.into_rows() {
        rows.push(told(&api, &caller, row).await?);
    }
    Ok(Json(Listing { rows, next: next.flatten() }))
}

async fn filtered(
    api: &ApiState,
    caller: &Caller,
    which: &Which,
) -> Result<Page<RecipientRow>, ApiError> {
    let request = page_request(which.limit, which.after.as_deref())?;
    let mut filter = RecipientFilter::of(caller.tenant.as_str());
    if let Some(kind) = &which.kind {
        kind.read()?;
        filter.kind = Some(kind.0.clone());
    }
    filter.retired = which.retired;
    filter.channel =
        which.channel.as_ref().map(ChannelWord::read).transpose()?.map(|c| c.to_string());
    filter.destination.clone_from(&which.destination);
    Ok(queries::page(&api.reads, &filter, &request).await?)
}

/// By the keyed hash of the address in each form a channel would keep it in: the clear value is nowhere.
async fn at_address(
    api: &ApiState,
    caller: &Caller,
    address: &SecretString,
) -> Result<Page<RecipientRow>, ApiError> {
    let mut ids = Vec::new();
    for channel in ChannelKind::ALL {
        let Ok(checked) = api.address_rules.check(channel, address.expose_secret()) else {
            continue;
        };
        let tag = api.vault.index_tag(&caller.tenant, checked.normalised.expose_secret()).await?;
        for (recipient, _) in api.ledger.find_by_address(&caller.tenant, &tag).await? {
            ids.push(recipient.to_string());
        }
    }
    let rows = queries::by_ids(&api.reads, caller.tenant.as_str(), &ids).await?;
    Ok(Page { edges: rows.into_iter().map(edge).collect(), has_next: false, has_previous: false })
}

fn edge(row: RecipientRow) -> projections::Edge<RecipientRow> {
    projections::Edge { cursor: projections::Cursor { key: row.position, tie: 0 }, row }
}

fn subjects(page: &Page<RecipientRow>) -> Result<Vec<RecipientId>, ApiError> {
    let ids = page.edges.iter().map(|edge| RecipientId::try_new(edge.row.recipient.as_str()));
    Ok(ids.collect::<Result<_, _>>()?)
}
