use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use schema::events::{GroupEvent, RecipientEvent, ReportEvent, SubscriptionEvent, TenantEvent};
use schema::{Addressee, GroupId, RecipientId, ReportName, ReportSelector, SubscriptionId};

use crate::decider::Decider;
use crate::group::{self, Group};
use crate::recipient::{self, Recipient};
use crate::report::{self, Report};
use crate::subscription::{self, Subscription, Wish};
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

/// The subscriptions of each recipient or group, in the order of their names.
pub(super) type Wanting<I> = BTreeMap<I, Vec<SubscriptionId>>;

/// Subscriptions that select alike, by whose they are. A group's stands here once, however many its members are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Routes {
    pub(super) recipients: Wanting<RecipientId>,
    pub(super) groups: Wanting<GroupId>,
}

impl Routes {
    fn put(&mut self, subscriber: Addressee, id: SubscriptionId) {
        match subscriber {
            Addressee::Recipient(recipient) => insert(&mut self.recipients, recipient, id),
            Addressee::Group(group) => insert(&mut self.groups, group, id),
        }
    }

    fn remove(&mut self, subscriber: &Addressee, id: &SubscriptionId) {
        match subscriber {
            Addressee::Recipient(recipient) => remove(&mut self.recipients, recipient, id),
            Addressee::Group(group) => remove(&mut self.groups, group, id),
        }
    }

    fn is_empty(&self) -> bool {
        self.recipients.is_empty() && self.groups.is_empty()
    }
}

/// All that is known of one tenant. Subscriptions are found by what they select, so that a version costs what it
/// reaches, not what there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TenantRoutes {
    pub(super) tenant: Entry<Tenant>,
    pub(super) reports: HashMap<ReportName, Entry<Report>>,
    pub(super) recipients: HashMap<RecipientId, Entry<Recipient>>,
    pub(super) groups: HashMap<GroupId, Entry<Group>>,
    pub(super) subscriptions: HashMap<SubscriptionId, Entry<Subscription>>,
    pub(super) of_report: HashMap<ReportName, Routes>,
    pub(super) of_every: Routes,
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

    pub(super) fn group(&mut self, id: GroupId, place: Place, event: &GroupEvent) -> Step {
        entry(&mut self.groups, id).take::<group::Rules>(place, event)
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
            if let Some((report, subscriber)) = before {
                self.unlink(&report, &subscriber, &id);
            }
            if let Some((report, subscriber)) = after {
                self.link(report, subscriber, id);
            }
        }
        step
    }

    fn link(&mut self, report: ReportSelector, subscriber: Addressee, id: SubscriptionId) {
        let routes = match report {
            ReportSelector::Every => &mut self.of_every,
            ReportSelector::Named(name) => self.of_report.entry(name).or_default(),
        };
        routes.put(subscriber, id);
    }

    fn unlink(&mut self, report: &ReportSelector, subscriber: &Addressee, id: &SubscriptionId) {
        match report {
            ReportSelector::Every => self.of_every.remove(subscriber, id),
            ReportSelector::Named(name) => {
                if let Some(routes) = self.of_report.get_mut(name) {
                    routes.remove(subscriber, id);
                    if routes.is_empty() {
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

fn route(body: &Wish) -> (ReportSelector, Addressee) {
    (body.selector.report.clone(), body.subscriber.clone())
}

fn insert<I: Ord>(wanting: &mut Wanting<I>, who: I, id: SubscriptionId) {
    let subscriptions = wanting.entry(who).or_default();
    subscriptions.reserve_exact(1);
    let at = subscriptions.partition_point(|known| *known < id);
    subscriptions.insert(at, id);
}

fn remove<I: Ord>(wanting: &mut Wanting<I>, who: &I, id: &SubscriptionId) {
    if let Some(subscriptions) = wanting.get_mut(who) {
        subscriptions.retain(|known| known != id);
        if subscriptions.is_empty() {
            wanting.remove(who);
        }
    }
}
