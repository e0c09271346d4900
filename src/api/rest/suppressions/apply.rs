use aggregates::recipient::{Command, Known, Recipient, Rules, ToSuppress};
use schema::events::SuppressionReason;
use schema::{AddressId, ChannelKind, Metadata, RecipientId, Sha256, StreamId, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use store::ListedAddress;

use crate::carry_out::{decide, kept};
use crate::change::Change;
use crate::clock::now;
use crate::error::ApiError;
use crate::outcome::Done;
use crate::state::ApiState;

/// The keyed hash of a mail address, as addresses of recipients are looked up by.
pub(super) async fn tag_of(
    api: &ApiState,
    change: &Change,
    address: &str,
) -> Result<String, ApiError> {
    let checked = api.address_rules.check(ChannelKind::Mail, address);
    let checked = checked.map_err(|invalid| schema::Invalid {
        field: "address".to_owned(),
        value: "***".to_owned(),
        ..invalid
    })?;
    let tenant = &change.caller.tenant;
    Ok(api.vault.index_tag(tenant, checked.normalised.expose_secret()).await?)
}

/// Suppresses an address that was added just now, if it is on the list. Looked at after the address can be found by an
/// import, so that of the two whoever comes second sees the other.
pub(crate) async fn suppress_if_listed(
    api: &ApiState,
    change: &Change,
    (recipient, address): (&RecipientId, &AddressId),
    tag: &str,
) -> Result<(), ApiError> {
    let tenant = &change.caller.tenant;
    if let Some(listed) = api.ledger.listed_address(tenant, tag, now()).await? {
        suppress_one(api, change, (recipient, address), listed.until).await?;
    }
    Ok(())
}

/// Suppresses the address of everyone who has it; how many that were.
pub(super) async fn suppress(
    api: &ApiState,
    change: &Change,
    listed: &ListedAddress,
) -> Result<u64, ApiError> {
    let mut count = 0;
    for (recipient, address) in
        api.ledger.find_by_address(&change.caller.tenant, &listed.tag).await?
    {
        count += u64::from(suppress_one(api, change, (&recipient, &address), listed.until).await?);
    }
    Ok(count)
}

async fn suppress_one(
    api: &ApiState,
    change: &Change,
    (recipient, address): (&RecipientId, &AddressId),
    until: Option<Timestamp>,
) -> Result<bool, ApiError> {
    ask(api, change, recipient, |known| {
        let revision = known.address(address)?.revision;
        Some(Command::SuppressAddress(ToSuppress {
            address: address.clone(),
            revision,
            reason: SuppressionReason::Imported,
            until,
            delivery: None,
            now: now(),
        }))
    })
    .await
}

/// Carries a command out on a recipient's record, if it is called for; whether it changed anything.
pub(super) async fn ask(
    api: &ApiState,
    change: &Change,
    recipient: &RecipientId,
    command: impl Fn(&Known) -> Option<Command>,
) -> Result<bool, ApiError> {
    let stream = StreamId::recipient(&change.caller.tenant, recipient);
    decide::<Rules>(api, &stream, &stream, |state: &Recipient| {
        let metadata = Metadata { command: None, ..change.metadata() };
        Some((command(state.known()?)?, metadata))
    })
    .await
}

/// Answers a request that changed many recipients.
pub(super) async fn done(
    api: &ApiState,
    change: &Change,
    digest: Sha256,
    body: &Map<String, Value>,
) -> Result<Done, ApiError> {
    let stream = StreamId::tenant(&change.caller.tenant);
    let position = api.ledger.head().await?;
    kept(api, change, digest, (&stream, body), position).await
}
