//! Whose address is this: by keyed hash, so it cannot be told from the events alone. The vault opens each address once.

use std::collections::BTreeMap;

use anyhow::Result;
use schema::events::RecipientEvent;
use schema::{
    Actor, AddressId, AggregateType, LedgerEvent, Metadata, Position, RecipientId, Sealed,
    StreamId, TenantId,
};
use secrecy::ExposeSecret;
use store::{AddressChange, Ledger, Unit, UnsealError, Vault};

/// Positions read at once.
const PORTION: u32 = 2_000;

/// What was done.
#[derive(Default)]
pub struct Rebuilt {
    /// Addresses that can be found.
    pub put: u64,
    /// Addresses that are used no more.
    pub removed: u64,
    /// Addresses that cannot be opened.
    pub unreadable: u64,
}

/// An address by whose and which it is; what it says, as long as it is used.
type Addresses = BTreeMap<(TenantId, RecipientId, AddressId), Option<Sealed>>;

/// Makes the look-up what the recipients' events say.
pub async fn rebuild(ledger: &Ledger, vault: &Vault) -> Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    for ((tenant, recipient, address), sealed) in read(ledger).await? {
        let change = match sealed {
            None => {
                rebuilt.removed += 1;
                AddressChange::Remove { recipient, address }
            }
            Some(sealed) => {
                let place =
                    format!("{}#address/{address}", StreamId::recipient(&tenant, &recipient));
                let clear = match vault.unseal(&tenant, &recipient, &place, &sealed).await {
                    Ok(clear) => clear,
                    Err(UnsealError::Vault(error)) => return Err(error.into()),
                    Err(_) => {
                        rebuilt.unreadable += 1;
                        continue;
                    }
                };
                let tag = vault.index_tag(&tenant, clear.expose_secret()).await?;
                rebuilt.put += 1;
                AddressChange::Put { recipient, address, tag }
            }
        };
        let mut unit = Unit::new(Metadata::new(tenant, Actor::new("cli", "operator")));
        unit.addresses.push(change);
        ledger.append(unit).await?;
    }
    Ok(rebuilt)
}

async fn read(ledger: &Ledger) -> Result<Addresses> {
    let (head, mut after) = (ledger.head().await?, Position::START);
    let mut addresses = Addresses::new();
    while after < head {
        let rows = ledger.read(after, head, PORTION, Some(&[AggregateType::Recipient])).await?;
        let Some(last) = rows.last() else { break };
        after = last.position;
        for event in rows.iter().filter_map(|row| row.decoded().ok()) {
            let tenant = &event.metadata.tenant;
            let LedgerEvent::Recipient(change) = &event.event else { continue };
            let Ok(recipient) = event.stream.local_id().parse::<RecipientId>() else { continue };
            let mut put = |address: &AddressId, value: Option<&Sealed>| {
                let key = (tenant.clone(), recipient.clone(), address.clone());
                addresses.insert(key, value.cloned());
            };
            match change {
                RecipientEvent::AddressAdded { address, value, .. }
                | RecipientEvent::AddressChanged { address, value, .. } => {
                    put(address, Some(value));
                }
                RecipientEvent::AddressRetired { address, .. } => put(address, None),
                RecipientEvent::RecipientRetired { .. } => {
                    let all = addresses
                        .iter_mut()
                        .filter(|((of, who, _), _)| of == tenant && *who == recipient);
                    all.for_each(|(_, value)| *value = None);
                }
                RecipientEvent::RecipientRegistered(_)
                | RecipientEvent::RecipientChanged(_)
                | RecipientEvent::AddressBouncedSoftly { .. }
                | RecipientEvent::AddressSuppressed { .. }
                | RecipientEvent::SuppressionLifted { .. }
                | RecipientEvent::WebhookConfigured { .. }
                | RecipientEvent::EntitlementGranted { .. }
                | RecipientEvent::EntitlementRevoked { .. } => {}
            }
        }
    }
    Ok(addresses)
}
