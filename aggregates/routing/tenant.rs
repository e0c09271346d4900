use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use schema::events::{
    RecipientEvent, ReportEvent, SubscriptionBody, SubscriptionEvent, TenantEvent,
};
use schema::{RecipientId, ReportName, ReportSelector, SubscriptionId};

use crate::decider::Decider;
use crate::recipient::{self, Recipient};
use crate::report::{self, Report};
use crate::subscription::{self, Subscription};
use crate::tenant::{self, Tenant};

/// A stream as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry<S> {
    sequence: i64,
    pub(super) state: S,
}

/// Who brings an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The node that appended it. What lies before it may still be on its way.
    Own,
    /// The log's tail, which brings a stream in its order. What it has not brought by now was left out and will never
    /// come.
    Tail,
}

/// An event's place in its stream, and who brings it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) sequence: i64,
    pub(super) source: Source,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It was the next one.
    Taken,
    /// It was known.
    Known,
    /// Something before it is missing.
    Early,
}

impl<S> Entry<S> {
    pub(super) fn take<D>(&mut self, place: Place, event: &D::Event) -> Step
    where
        D: Decider<State = S>,
    {
        if place.sequence <= self.sequence {
            return Step::Known;
        }
        if place.source == Source::Own && place.sequence > self.sequence + 1 {
            return Step::Early;
        }
        D::evolve(&mut self.state, event);
        self.sequence = place.sequence;
        Step::Taken
    }
}

/// The subscriptions of each recipient, in the order of their names.
pub(super) type Members = BTreeMap<RecipientId, Vec<SubscriptionId>>;

/// All that is known of one tenant. Subscriptions are found by what they select, so that a version costs what it
/// reaches, not what there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TenantRoutes {
    pub(super) tenant: Entry<Tenant>,
    pub(super) reports: HashMap<ReportName, Entry<Report>>,
    pub(super) recipients: HashMap<RecipientId, Entry<Recipient>>,
    pub(super) subscriptions: HashMap<SubscriptionId, Entry<Subscription>>,
    pub(super) of_report: HashMap<ReportName, Members>,
    pub(super) of_every: Members,
}

impl TenantRoutes {
    pub(super) fn tenant(&mut self, place: Place, event: &TenantEvent) -> Step {
        self.tenant.take::<tenant::Rules>(place, event)
    }

    pub(super) fn report(&mut self, id: ReportName, place: Place, event: &ReportEvent) -> Step {
        entry(&mut self.reports, id).take::<report::Rules>(place, event)
    }

    pub(super) fn recipient(
        &mut self,
        id: RecipientId,
        place: Place,
        event: &RecipientEvent,
    ) -> Step {
        entry(&mut self.recipients, id).take::<recipient::Rules>(place, event)
    }

    pub(super) fn subscription(
        &mut self,
        id: SubscriptionId,
        place: Place,
        event: &SubscriptionEvent,
    ) -> Step {
        let entry = entry(&mut self.subscriptions, id.clone());
        let before = entry.state.body().map(route);
        let step = entry.take::<subscription::Rules>(place, event);
        let after = entry.state.body().map(route);
        if before != after {
            if let Some((report, recipient)) = before {
                self.unlink(&report, &recipient, &id);
            }
            if let Some((report, recipient)) = after {
                self.link(report, recipient, id);
            }
        }
        step
    }

    fn link(&mut self, report: ReportSelector, recipient: RecipientId, id: SubscriptionId) {
        let members = match report {
            ReportSelector::Every => &mut self.of_every,
            ReportSelector::Named(name) => self.of_report.entry(name).or_default(),
        };
        let subscriptions = members.entry(recipient).or_default();
        subscriptions.reserve_exact(1);
        let at = subscriptions.partition_point(|known| *known < id);
        subscriptions.insert(at, id);
    }

    fn unlink(&mut self, report: &ReportSelector, recipient: &RecipientId, id: &SubscriptionId) {
        match report {
            ReportSelector::Every => remove(&mut self.of_every, recipient, id),
            ReportSelector::Named(name) => {
                if let Some(members) = self.of_report.get_mut(name) {
                    remove(members, recipient, id);
                    if members.is_empty() {
                        self.of_report.remove(name);
                    }
                }
            }
        }
    }
}

fn entry<K: Eq + Hash, S: Default>(entries: &mut HashMap<K, Entry<S>>, id: K) -> &mut Entry<S> {
    entries.entry(id).or_insert_with(|| Entry { sequence: 0, state: S::default() })
}

fn route(body: &SubscriptionBody) -> (ReportSelector, RecipientId) {
    (body.selector.report.clone(), body.recipient.clone())
}

fn remove(members: &mut Members, recipient: &RecipientId, id: &SubscriptionId) {
    if let Some(subscriptions) = members.get_mut(recipient) {
        subscriptions.retain(|known| known != id);
        if subscriptions.is_empty() {
            members.remove(recipient);
        }
    }
}
