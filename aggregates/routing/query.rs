use schema::events::{
    CancelReason, DeliveryPlan, PauseScope, ReportProfile, ReportVersion, SuppressReason,
};
use schema::{
    ApiKeyId, ChannelKind, DestinationKey, DistributionId, RecipientId, ReportName, Sealed,
    SubscriptionId, TenantId, Timestamp,
};

use super::RoutingIndex;
use super::merge::Merge;
use super::tenant::TenantRoutes;
use crate::api_key::ApiKey;
use crate::planning::wants;
use crate::recipient::{Address, Known, Recipient, Suppression};
use crate::report::Report;
use crate::subscription::Subscription;
use crate::timing::Calendars;

/// A recipient and those of its subscriptions that speak of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<'i> {
    /// Who.
    pub recipient: &'i RecipientId,
    /// What is known of it.
    pub state: &'i Recipient,
    /// Its subscriptions that were not ended, in the order of their names.
    pub subscriptions: Vec<(&'i SubscriptionId, &'i Subscription)>,
}

/// What a send needs to know of its recipient, still sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorised {
    /// Mail address or URL; none on the inbox, which needs none.
    pub address: Option<Sealed>,
    /// Where sends to it end up, as a pseudonym: limits and pauses go by it. The plan's own is as old as the plan.
    pub destination: DestinationKey,
    /// Which revision of the address that is.
    pub revision: u32,
    /// BCP 47 language tag.
    pub locale: String,
    /// Name for greetings.
    pub name: Option<Sealed>,
}

/// Why nothing may be sent, and how the delivery is therefore to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Call it off: the version was withdrawn or corrected.
    Cancel(CancelReason),
    /// Suppress it: a rule of the recipient's side.
    Suppress(SuppressReason),
}

static UNKNOWN: Recipient = Recipient::Unknown;
static NO_CALENDARS: Calendars = Calendars::new();

impl RoutingIndex {
    /// Whether the tenant was set up.
    #[must_use]
    pub fn has_tenant(&self, tenant: &TenantId) -> bool {
        let known = self.tenants.get(tenant);
        known.is_some_and(|routes| routes.tenant.state != crate::tenant::Tenant::Unknown)
    }

    /// The calendars that a tenant defined.
    #[must_use]
    pub fn calendars(&self, tenant: &TenantId) -> &Calendars {
        let known = self.tenants.get(tenant);
        known.and_then(|routes| routes.tenant.state.calendars()).unwrap_or(&NO_CALENDARS)
    }

    /// The profile of a report of which versions are taken.
    #[must_use]
    pub fn report(&self, tenant: &TenantId, report: &ReportName) -> Option<&ReportProfile> {
        match &self.tenants.get(tenant)?.reports.get(report)?.state {
            Report::Active(profile) => Some(profile),
            Report::Unknown | Report::Retired => None,
        }
    }

    /// A recipient.
    #[must_use]
    pub fn recipient(&self, tenant: &TenantId, recipient: &RecipientId) -> &Recipient {
        let routes = self.tenants.get(tenant);
        let known = routes.and_then(|routes| routes.recipients.get(recipient));
        known.map_or(&UNKNOWN, |entry| &entry.state)
    }

    /// Every address that nothing is sent to at `now`, by recipient and name.
    #[must_use]
    pub fn suppressed(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Vec<(RecipientId, Address, Suppression)> {
        let routes = self.tenants.get(tenant);
        let recipients = routes.into_iter().flat_map(|routes| &routes.recipients);
        let addresses = recipients.flat_map(|(id, entry)| {
            let known = entry.state.known();
            known.into_iter().flat_map(move |known| known.addresses.iter().map(move |a| (id, a)))
        });
        let suppressed = addresses.filter_map(|(id, address)| {
            Some((id.clone(), address.clone(), address.suppression(now)?))
        });
        let mut found: Vec<_> = suppressed.collect();
        found.sort_by(|(a, one, _), (b, other, _)| (a, &one.id).cmp(&(b, &other.id)));
        found
    }

    /// A subscription, if there ever was one of this id.
    #[must_use]
    pub fn subscription(
        &self,
        tenant: &TenantId,
        subscription: &SubscriptionId,
    ) -> Option<&Subscription> {
        Some(&self.tenants.get(tenant)?.subscriptions.get(subscription)?.state)
    }

    /// Keys of this id with the tenant of each: ids are unique within a tenant, the secret tells which one is meant.
    pub fn api_keys(&self, id: &ApiKeyId) -> impl Iterator<Item = (&TenantId, &ApiKey)> {
        let of_tenants = self.keys.get(id).into_iter().flatten();
        of_tenants.map(|(tenant, entry)| (tenant, &entry.state))
    }

    /// The pause that holds back sends on `channel` to `destination`, the widest one first.
    #[must_use]
    pub fn paused(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> Option<PauseScope> {
        self.tenants.get(tenant)?.tenant.state.pause(channel, destination)
    }

    /// Why nothing more of a version is sent, if so.
    #[must_use]
    pub fn stopped(&self, distribution: DistributionId) -> Option<CancelReason> {
        self.stops.reason(distribution)
    }

    /// All recipients behind `after` with a subscription that speaks of `report`, their own or that of a group they are
    /// members of, in the order of their ids. Who opted out of a group's is none of its.
    pub fn candidates<'i>(
        &'i self,
        tenant: &TenantId,
        report: &ReportName,
        after: Option<&RecipientId>,
    ) -> impl Iterator<Item = Candidate<'i>> + use<'i> {
        let routes = self.tenants.get(tenant);
        let named = routes.and_then(|routes| routes.of_report.get(report));
        let every = routes.map(|routes| &routes.of_every);
        let found = Merge::new(routes, [named, every], after).zip(std::iter::repeat(routes));
        let found = found.filter_map(|((recipient, subscriptions), routes)| {
            Some(candidate(routes?, recipient, subscriptions))
        });
        found.filter(|candidate| !candidate.subscriptions.is_empty())
    }

    /// One recipient with its subscriptions that speak of `report`, those of its groups included.
    #[must_use]
    pub fn candidate<'i>(
        &'i self,
        tenant: &TenantId,
        report: &ReportName,
        recipient: &'i RecipientId,
    ) -> Candidate<'i> {
        let Some(routes) = self.tenants.get(tenant) else {
            return Candidate { recipient, state: &UNKNOWN, subscriptions: vec![] };
        };
        let speaking = || routes.of_report.get(report).into_iter().chain([&routes.of_every]);
        let own = speaking().flat_map(|routes| routes.recipients.get(recipient)).flatten();
        let groups = speaking().flat_map(|routes| &routes.groups);
        let groups = groups.filter(|(group, _)| self.is_member(tenant, group, recipient));
        let mut found: Vec<_> = own.chain(groups.flat_map(|(_, led)| led)).collect();
        found.sort_unstable();
        candidate(routes, recipient, found)
    }

    /// Asks again, right before a send, whether it may take place, and where to.
    ///
    /// This node may lag behind the one that planned the delivery. So a denial counts only once [`Self::read_at`] has
    /// reached the log's head as it was after the delivery was claimed; until then the answer is to wait and ask again.
    ///
    /// # Errors
    /// [`Denied`], with the way in which the delivery is to be closed.
    pub fn authorise(
        &self,
        tenant: &TenantId,
        plan: &DeliveryPlan,
        now: Timestamp,
    ) -> Result<Authorised, Denied> {
        if let Some(reason) = self.stopped(plan.distribution) {
            return Err(Denied::Cancel(reason));
        }
        self.recipient_side(tenant, plan, now).map_err(Denied::Suppress)
    }

    /// Asks again whether the subscription selects the version. As it stood at the plan it did, so only a later state
    /// of it counts: this node may lag behind the one that planned.
    ///
    /// # Errors
    /// [`Denied`]: a subscription that was changed away from the version is ended as far as this send goes.
    pub fn still_selects(
        &self,
        tenant: &TenantId,
        plan: &DeliveryPlan,
        version: &ReportVersion,
    ) -> Result<(), Denied> {
        let subscription = self.subscription(tenant, &plan.subscription);
        let later = subscription.filter(|known| known.version() > plan.subscription_version);
        let selector = later.and_then(Subscription::body).map(|body| &body.selector);
        match selector {
            Some(selector) if !wants(selector, version) => {
                Err(Denied::Suppress(SuppressReason::Unsubscribed))
            }
            _ => Ok(()),
        }
    }

    fn recipient_side(
        &self,
        tenant: &TenantId,
        plan: &DeliveryPlan,
        now: Timestamp,
    ) -> Result<Authorised, SuppressReason> {
        let Recipient::Active(recipient) = self.recipient(tenant, &plan.recipient) else {
            return Err(SuppressReason::RecipientRetired);
        };
        let subscription = self.subscription(tenant, &plan.subscription);
        still_wanted(subscription, plan, now)?;
        if let Some(group) = &plan.group
            && !self.is_member(tenant, group, &plan.recipient)
        {
            return Err(SuppressReason::NotMember);
        }
        if recipient.entitlement(&plan.report, now).is_none() {
            return Err(SuppressReason::NotEntitled);
        }
        let found = endpoint(recipient, plan).ok_or(SuppressReason::AddressRetired)?;
        let address = recipient.address(&plan.address);
        if address.is_some_and(|address| address.suppression(now).is_some()) {
            return Err(SuppressReason::AddressSuppressed);
        }
        Ok(found)
    }
}

fn candidate<'i>(
    routes: &'i TenantRoutes,
    recipient: &'i RecipientId,
    subscriptions: Vec<&'i SubscriptionId>,
) -> Candidate<'i> {
    let with_state = |id| {
        let state = &routes.subscriptions.get(id)?.state;
        (!state.has_opted_out(recipient)).then_some((id, state))
    };
    let subscriptions = subscriptions.into_iter().filter_map(with_state).collect();
    let state = routes.recipients.get(recipient).map_or(&UNKNOWN, |entry| &entry.state);
    Candidate { recipient, state, subscriptions }
}

/// A subscription that was changed to another report or away from the channel is ended as far as this send goes, and
/// so is one that the recipient opted out of.
fn still_wanted(
    subscription: Option<&Subscription>,
    plan: &DeliveryPlan,
    now: Timestamp,
) -> Result<(), SuppressReason> {
    let subscription = subscription.ok_or(SuppressReason::Unsubscribed)?;
    let body = subscription.body().ok_or(SuppressReason::Unsubscribed)?;
    let wanted = body.selector.report.covers(&plan.report)
        && body.preferences.channels.contains(&plan.channel)
        && !subscription.has_opted_out(&plan.recipient);
    if !wanted {
        return Err(SuppressReason::Unsubscribed);
    }
    if subscription.is_paused(now) {
        return Err(SuppressReason::Paused);
    }
    Ok(())
}

fn endpoint(recipient: &Known, plan: &DeliveryPlan) -> Option<Authorised> {
    let (address, destination, revision) = match plan.channel {
        ChannelKind::Inbox => (None, DestinationKey::of_inbox(), 0),
        ChannelKind::Mail | ChannelKind::Webhook => {
            let address = recipient.address(&plan.address)?;
            let endpoint = address.endpoint.as_ref().filter(|_| address.channel == plan.channel)?;
            (Some(endpoint.value.clone()), endpoint.destination.clone(), address.revision)
        }
    };
    Some(Authorised {
        address,
        destination,
        revision,
        locale: recipient.profile.locale.clone(),
        name: recipient.profile.name.clone(),
    })
}
