use schema::events::RecipientProfile;
use schema::{
    AddressId, ChannelKind, DestinationKey, GrantId, RecipientId, ReportName, ReportSelector,
    Sealed, Timestamp, WebhookKeysId, WebhookSettings,
};
use serde::{Deserialize, Serialize};

use super::{Event, MAX_REVOKED_KEPT, Returns, Suppression};

/// Where sends go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Mail address or URL.
    pub value: Sealed,
    /// The same as a pseudonym.
    pub destination: DestinationKey,
}

/// One of a recipient's addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// Its name.
    pub id: AddressId,
    /// On which channel.
    pub channel: ChannelKind,
    /// Counts every value the name has stood for.
    pub revision: u32,
    /// The revision it was added with (last, if it had been retired): what a webhook's secret is kept under.
    pub added: u32,
    /// Where it leads; nowhere, once retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// What came back from there; nothing has, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Box<Returns>>,
    /// How a webhook is sent to; as every webhook was at first, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Box<WebhookSettings>>,
}

/// Where a recipient is reached on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of its addresses.
    pub address: AddressId,
    /// Where sends end up, as a pseudonym.
    pub destination: DestinationKey,
}

impl Place {
    /// That of every recipient's inbox.
    #[must_use]
    pub fn of_inbox() -> Self {
        Self { address: AddressId::of_inbox(), destination: DestinationKey::of_inbox() }
    }
}

impl Address {
    /// What the vault keeps a webhook's first secret under: each adding of the address has its own.
    #[must_use]
    pub fn secret_name(&self, recipient: &RecipientId) -> String {
        format!("recipient/{recipient}/address/{}/{}", self.id, self.added)
    }

    /// What the vault keeps a webhook's settings and secrets under, each time it is set.
    #[must_use]
    pub fn settings_name(&self, recipient: &RecipientId, keys: &WebhookKeysId) -> String {
        format!("recipient/{recipient}/address/{}/webhook/{keys}", self.id)
    }

    /// Where it leads; nowhere, once retired.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let destination = self.endpoint.as_ref()?.destination.clone();
        Some(Place { address: self.id.clone(), destination })
    }
}

/// What a recipient may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// Which reports.
    pub report: ReportSelector,
    /// Until when (exclusive); for good, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// All that is known of an active recipient. Lists are sorted by name: at a handful of entries each they take a
/// fraction of a map's memory, and a node holds every recipient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What kind, name, locale, zone.
    pub profile: RecipientProfile,
    /// Addresses, retired ones included.
    pub addresses: Vec<Address>,
    /// Grants that were not revoked; some may have run out.
    pub grants: Vec<Grant>,
    /// The last grants revoked, oldest first, so that revoking one twice is no mistake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<GrantId>,
}

/// Where a recipient stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// Not registered.
    #[default]
    Unknown,
    /// Registered.
    Active(Known),
    /// Gets nothing any more.
    Retired,
}

impl Known {
    /// The address of this name, retired or not.
    #[must_use]
    pub fn address(&self, id: &AddressId) -> Option<&Address> {
        let at = self.addresses.binary_search_by(|known| known.id.cmp(id)).ok()?;
        self.addresses.get(at)
    }

    /// Where it is reached on `channel`: at the first active address that is not suppressed at `now`, in the order of
    /// their names. An inbox is there without one.
    #[must_use]
    pub fn reachable(&self, channel: ChannelKind, now: Timestamp) -> Option<Place> {
        match channel {
            ChannelKind::Inbox => Some(Place::of_inbox()),
            ChannelKind::Mail | ChannelKind::Webhook => {
                let free = |address: &&Address| address.suppression(now).is_none();
                self.active(channel).find(free).and_then(Address::place)
            }
        }
    }

    /// Active addresses on `channel`, suppressed ones included, in the order of their names.
    pub fn active(&self, channel: ChannelKind) -> impl Iterator<Item = &Address> {
        let on_channel = self.addresses.iter().filter(move |address| address.channel == channel);
        on_channel.filter(|address| address.endpoint.is_some())
    }

    /// The grant of this name.
    #[must_use]
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        let at = self.grants.binary_search_by(|known| known.id.cmp(id)).ok()?;
        self.grants.get(at)
    }

    /// The first grant, in the order of their names, that covers `report` at `now`.
    #[must_use]
    pub fn entitlement(&self, report: &ReportName, now: Timestamp) -> Option<&Grant> {
        self.grants
            .iter()
            .find(|grant| grant.report.covers(report) && grant.until.is_none_or(|end| now < end))
    }

    fn put_address(&mut self, address: Address) {
        match self.addresses.binary_search_by(|known| known.id.cmp(&address.id)) {
            Ok(at) => self.addresses[at] = address,
            Err(at) => {
                self.addresses.reserve_exact(1);
                self.addresses.insert(at, address);
            }
        }
    }

    fn revoke(&mut self, grant: &GrantId) {
        self.grants.retain(|known| known.id != *grant);
        if self.revoked.len() >= MAX_REVOKED_KEPT {
            self.revoked.remove(0);
        }
        self.revoked.push(grant.clone());
    }

    fn put_grant(&mut self, grant: Grant) {
        self.revoked.retain(|revoked| *revoked != grant.id);
        match self.grants.binary_search_by(|known| known.id.cmp(&grant.id)) {
            Ok(at) => self.grants[at] = grant,
            Err(at) => {
                self.grants.reserve_exact(1);
                self.grants.insert(at, grant);
            }
        }
    }

    fn address_mut(&mut self, id: &AddressId) -> Option<&mut Address> {
        self.addresses.iter_mut().find(|address| address.id == *id)
    }
}

impl Recipient {
    /// What is known of it, while it is active.
    #[must_use]
    pub const fn known(&self) -> Option<&Known> {
        match self {
            Self::Active(known) => Some(known),
            Self::Unknown | Self::Retired => None,
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        match (event, &mut *self) {
            (Event::RecipientRegistered(profile), _) => {
                let profile = profile.clone();
                let (addresses, grants, revoked) = (vec![], vec![], vec![]);
                *self = Self::Active(Known { profile, addresses, grants, revoked });
            }
            (Event::RecipientRetired { .. }, _) => *self = Self::Retired,
            (event, Self::Active(known)) => known.evolve(event),
            (_, Self::Unknown | Self::Retired) => {}
        }
    }
}

impl Known {
    fn evolve(&mut self, event: &Event) {
        match event {
            Event::RecipientRegistered(_) | Event::RecipientRetired { .. } => {}
            Event::RecipientChanged(profile) => self.profile = profile.clone(),
            Event::AddressAdded { address, channel, value, destination, revision } => {
                let endpoint = Endpoint { value: value.clone(), destination: destination.clone() };
                self.put_address(Address {
                    id: address.clone(),
                    channel: *channel,
                    revision: *revision,
                    added: *revision,
                    endpoint: Some(endpoint),
                    returns: None,
                    webhook: None,
                });
            }
            Event::AddressChanged { address, value, destination, revision } => {
                if let Some(known) = self.address_mut(address) {
                    let (value, destination) = (value.clone(), destination.clone());
                    known.endpoint = Some(Endpoint { value, destination });
                    known.revision = *revision;
                    known.returns = None;
                }
            }
            Event::AddressRetired { address, .. } => {
                if let Some(known) = self.address_mut(address) {
                    known.endpoint = None;
                    known.returns = None;
                    known.webhook = None;
                }
            }
            Event::AddressBouncedSoftly { address, delivery, at, .. } => {
                if let Some(known) = self.address_mut(address) {
                    known.came_back_softly(*delivery, *at);
                }
            }
            Event::AddressSuppressed { address, reason, until, .. } => {
                if let Some(known) = self.address_mut(address) {
                    known.suppress(Suppression { reason: *reason, until: *until });
                }
            }
            Event::SuppressionLifted { address, .. } => {
                if let Some(known) = self.address_mut(address) {
                    known.returns = None;
                }
            }
            Event::WebhookConfigured { address, settings } => {
                if let Some(known) = self.address_mut(address) {
                    known.webhook = Some(Box::new(settings.clone()));
                }
            }
            Event::EntitlementGranted { grant, report, until } => {
                let (id, report) = (grant.clone(), report.clone());
                self.put_grant(Grant { id, report, until: *until });
            }
            Event::EntitlementRevoked { grant, .. } => self.revoke(grant),
        }
    }
}
