use schema::Invalid;
use schema::events::{RecipientProfile, RetireReason};
use schema::{AddressId, ChannelKind, GrantId};

use super::{
    Address, Command, Endpoint, Event, Grant, Known, MAX_ADDRESS_NAMES, MAX_ADDRESSES, MAX_GRANTS,
    Recipient, Refusal, Rules, returns, webhook,
};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = Recipient;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(recipient: &Recipient, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Register(profile) => register(recipient, profile),
            Command::Change(profile) => change(known(recipient)?, profile),
            Command::AddAddress { address, channel, value, destination } => {
                add_address(known(recipient)?, address, channel, Endpoint { value, destination })
            }
            Command::ChangeAddress { address, value, destination } => {
                change_address(known(recipient)?, address, Endpoint { value, destination })
            }
            Command::RetireAddress { address, reason } => {
                retire_address(known(recipient)?, address, reason)
            }
            Command::SuppressAddress(wanted) => returns::suppress(known(recipient)?, wanted),
            Command::BounceSoftly(bounce) => returns::bounce_softly(known(recipient)?, bounce),
            Command::LiftSuppression { address, reason } => {
                returns::lift(known(recipient)?, address, reason)
            }
            Command::ConfigureWebhook { address, settings } => {
                webhook::configure(known(recipient)?, address, settings)
            }
            Command::Grant { grant, report, until } => {
                entitle(known(recipient)?, Grant { id: grant, report, until })
            }
            Command::Revoke { grant, reason } => revoke(known(recipient)?, grant, reason),
            Command::Retire { reason } => retire(recipient, reason),
        }
    }

    fn evolve(recipient: &mut Recipient, event: &Event) {
        recipient.evolve(event);
    }
}

fn known(recipient: &Recipient) -> Result<&Known, Refusal> {
    match recipient {
        Recipient::Unknown => Err(Refusal::NotRegistered),
        Recipient::Active(known) => Ok(known),
        Recipient::Retired => Err(Refusal::Retired),
    }
}

fn register(recipient: &Recipient, profile: RecipientProfile) -> Result<Vec<Event>, Refusal> {
    match recipient {
        Recipient::Unknown => {
            well_formed(&profile)?;
            Ok(vec![Event::RecipientRegistered(profile)])
        }
        Recipient::Active(known) if known.profile == profile => Ok(vec![]),
        Recipient::Active(_) => Err(Refusal::AlreadyRegistered),
        Recipient::Retired => Err(Refusal::Retired),
    }
}

fn change(known: &Known, profile: RecipientProfile) -> Result<Vec<Event>, Refusal> {
    if known.profile == profile {
        return Ok(vec![]);
    }
    well_formed(&profile)?;
    Ok(vec![Event::RecipientChanged(profile)])
}

fn add_address(
    known: &Known,
    address: AddressId,
    channel: ChannelKind,
    endpoint: Endpoint,
) -> Result<Vec<Event>, Refusal> {
    let before = known.address(&address);
    if let Some(Address { channel: on, endpoint: Some(at), .. }) = before {
        if *on == channel && *at == endpoint {
            return Ok(vec![]);
        }
        return Err(Refusal::AddressTaken { address, channel: *on });
    }
    let address_count = known.addresses.iter().filter(|a| a.endpoint.is_some()).count();
    if address_count >= MAX_ADDRESSES {
        return Err(Refusal::TooManyAddresses { address_count });
    }
    if before.is_none() && known.addresses.len() >= MAX_ADDRESS_NAMES {
        return Err(Refusal::TooManyAddressNames { name_count: known.addresses.len() });
    }
    let revision = before.map_or(1, |before| before.revision.saturating_add(1));
    let Endpoint { value, destination } = endpoint;
    Ok(vec![Event::AddressAdded { address, channel, value, destination, revision }])
}

fn change_address(
    known: &Known,
    address: AddressId,
    endpoint: Endpoint,
) -> Result<Vec<Event>, Refusal> {
    let Some(Address { endpoint: Some(at), revision, .. }) = known.address(&address) else {
        return Err(Refusal::NoSuchAddress { address });
    };
    if *at == endpoint {
        return Ok(vec![]);
    }
    let revision = revision.saturating_add(1);
    let Endpoint { value, destination } = endpoint;
    Ok(vec![Event::AddressChanged { address, value, destination, revision }])
}

fn retire_address(
    known: &Known,
    address: AddressId,
    reason: RetireReason,
) -> Result<Vec<Event>, Refusal> {
    match known.address(&address) {
        None => Err(Refusal::NoSuchAddress { address }),
        Some(Address { endpoint: None, .. }) => Ok(vec![]),
        Some(Address { endpoint: Some(_), .. }) => {
            Ok(vec![Event::AddressRetired { address, reason }])
        }
    }
}

fn entitle(known: &Known, wanted: Grant) -> Result<Vec<Event>, Refusal> {
    let before = known.grant(&wanted.id);
    if before == Some(&wanted) {
        return Ok(vec![]);
    }
    if before.is_none() && known.grants.len() >= MAX_GRANTS {
        return Err(Refusal::TooManyGrants { grant_count: known.grants.len() });
    }
    let Grant { id: grant, report, until } = wanted;
    Ok(vec![Event::EntitlementGranted { grant, report, until }])
}

fn revoke(known: &Known, grant: GrantId, reason: String) -> Result<Vec<Event>, Refusal> {
    form::reason(&reason)?;
    if known.grant(&grant).is_some() {
        return Ok(vec![Event::EntitlementRevoked { grant, reason }]);
    }
    if known.revoked.contains(&grant) { Ok(vec![]) } else { Err(Refusal::NoSuchGrant { grant }) }
}

fn retire(recipient: &Recipient, reason: String) -> Result<Vec<Event>, Refusal> {
    match recipient {
        Recipient::Unknown => Err(Refusal::NotRegistered),
        Recipient::Active(_) => {
            form::reason(&reason)?;
            Ok(vec![Event::RecipientRetired { reason }])
        }
        Recipient::Retired => Ok(vec![]),
    }
}

fn well_formed(profile: &RecipientProfile) -> Result<(), Invalid> {
    form::locale(&profile.locale)
}
