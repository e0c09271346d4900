use std::collections::HashSet;

use aggregates::routing::RoutingIndex;
use schema::events::{DistributionEvent, GroupEvent, RecipientEvent, SubscriptionEvent};
use schema::{
    Addressee, AggregateType, GrantId, GroupId, LedgerEvent, RecipientId, RecordedEvent,
    ReportName, Selector, StreamId, TenantId,
};

use crate::pages::Source;
use crate::sentences::{not_planned, sentence};

/// Whose history is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One stream's, event by event.
    Stream(StreamId),
    /// A report's: itself, its versions and their runs, who subscribed to it and may have it. Single deliveries are
    /// not told: there may be a hundred thousand of one version.
    Report(ReportName),
    /// A recipient's: itself, its groups, its subscriptions and theirs, its deliveries, and the decisions against one.
    Recipient(RecipientId),
}

impl Subject {
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Stream(stream) => Source::Stream(stream.clone()),
            Self::Report(_) => Source::Kinds(&[
                AggregateType::Report,
                AggregateType::Recipient,
                AggregateType::Subscription,
                AggregateType::Distribution,
            ]),
            Self::Recipient(_) => Source::Kinds(&[
                AggregateType::Recipient,
                AggregateType::Group,
                AggregateType::Subscription,
                AggregateType::Distribution,
            ]),
        }
    }
}

/// Which events belong to a history. Sees them in the log's order and remembers ids alone.
pub(crate) enum Concern {
    Stream,
    Report {
        report: ReportName,
        stream: StreamId,
        streams: HashSet<StreamId>,
        grants: HashSet<(StreamId, GrantId)>,
    },
    Recipient {
        recipient: RecipientId,
        stream: StreamId,
        subscriptions: HashSet<StreamId>,
        groups: Box<Groups>,
    },
}

/// Groups as they stand where the history has come, and of which of them the recipient is a member there.
pub(crate) struct Groups {
    tenant: TenantId,
    index: RoutingIndex,
    own: HashSet<GroupId>,
}

impl Groups {
    fn of(tenant: &TenantId) -> Self {
        Self { tenant: tenant.clone(), index: RoutingIndex::new(), own: HashSet::new() }
    }

    /// Whether the event made the recipient a member of anything, or no member any more.
    fn concerns(
        &mut self,
        event: &RecordedEvent,
        said: &GroupEvent,
        recipient: &RecipientId,
    ) -> bool {
        self.index.follow(event);
        let another = match said {
            GroupEvent::GroupCreated { .. } | GroupEvent::GroupChanged { .. } => true,
            GroupEvent::MemberAdded { member } | GroupEvent::MemberRemoved { member } => {
                matches!(member, Addressee::Recipient(member) if member != recipient)
            }
            GroupEvent::GroupRetired { .. } => false,
        };
        if another {
            return false;
        }
        let now = self.index.groups_of(&self.tenant, recipient).into_iter().cloned().collect();
        let before = std::mem::replace(&mut self.own, now);
        before != self.own
    }
}

impl Concern {
    pub fn of(tenant: &TenantId, subject: Subject) -> Self {
        match subject {
            Subject::Stream(_) => Self::Stream,
            Subject::Report(report) => {
                let stream = StreamId::report(tenant, &report);
                let (streams, grants) = (HashSet::new(), HashSet::new());
                Self::Report { report, stream, streams, grants }
            }
            Subject::Recipient(recipient) => {
                let stream = StreamId::recipient(tenant, &recipient);
                let (subscriptions, groups) = (HashSet::new(), Box::new(Groups::of(tenant)));
                Self::Recipient { recipient, stream, subscriptions, groups }
            }
        }
    }

    /// Whose deliveries belong to it.
    pub const fn recipient(&self) -> Option<&RecipientId> {
        match self {
            Self::Recipient { recipient, .. } => Some(recipient),
            Self::Stream | Self::Report { .. } => None,
        }
    }

    /// What the event says to this history; nothing, when it does not belong to it.
    pub fn told(&mut self, event: &RecordedEvent) -> Option<String> {
        let belongs = match self {
            Self::Stream => true,
            Self::Report { report, stream, streams, grants } => {
                event.stream == *stream || of_report(report, streams, grants, event)
            }
            Self::Recipient { recipient, stream, subscriptions, groups } => match &event.event {
                LedgerEvent::Distribution(said) => return decisions(said, recipient),
                LedgerEvent::Subscription(said) => {
                    if begins_for(said, recipient, |group| groups.own.contains(group)) {
                        subscriptions.insert(event.stream.clone());
                    }
                    match said {
                        SubscriptionEvent::MemberOptedOut { recipient: member, .. }
                        | SubscriptionEvent::MemberOptedIn { recipient: member, .. } => {
                            member == recipient
                        }
                        _ => subscriptions.contains(&event.stream),
                    }
                }
                LedgerEvent::Group(said) => groups.concerns(event, said, recipient),
                // Those that were looked up: they are its own.
                LedgerEvent::Delivery(_) => true,
                _ => event.stream == *stream,
            },
        };
        belongs.then(|| sentence(&event.event))
    }
}

/// Whether a subscription begins that is the recipient's or one of its groups': it never changes whose it is.
pub(crate) fn begins_for(
    event: &SubscriptionEvent,
    recipient: &RecipientId,
    is_member: impl Fn(&GroupId) -> bool,
) -> bool {
    match event {
        SubscriptionEvent::Subscribed { body, .. } => body.recipient == *recipient,
        SubscriptionEvent::GroupSubscribed { body, .. } => is_member(&body.group),
        _ => false,
    }
}

fn decisions(event: &DistributionEvent, recipient: &RecipientId) -> Option<String> {
    let DistributionEvent::SlicePlanned { decisions, .. } = event else { return None };
    let own = decisions.iter().filter(|decision| decision.recipient == *recipient);
    let told: Vec<_> = own.map(not_planned).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Whether an event is about the report: what begins to speak of it is remembered, what ceases to is told once more.
fn of_report(
    report: &ReportName,
    streams: &mut HashSet<StreamId>,
    grants: &mut HashSet<(StreamId, GrantId)>,
    event: &RecordedEvent,
) -> bool {
    let stream = || event.stream.clone();
    match &event.event {
        LedgerEvent::Distribution(DistributionEvent::ReportReceived(version)) => {
            version.report == *report && streams.insert(stream())
        }
        LedgerEvent::Subscription(said) => match selector_of(said) {
            None => streams.contains(&event.stream),
            Some(selector) if !selector.report.covers(report) => streams.remove(&event.stream),
            Some(_) => {
                streams.insert(stream());
                true
            }
        },
        LedgerEvent::Distribution(_) => streams.contains(&event.stream),
        LedgerEvent::Recipient(RecipientEvent::EntitlementGranted {
            grant, report: of, ..
        }) => {
            let known = (stream(), grant.clone());
            if !of.covers(report) {
                return grants.remove(&known);
            }
            grants.insert(known);
            true
        }
        LedgerEvent::Recipient(RecipientEvent::EntitlementRevoked { grant, .. }) => {
            grants.remove(&(stream(), grant.clone()))
        }
        LedgerEvent::Tenant(_)
        | LedgerEvent::ApiKey(_)
        | LedgerEvent::Report(_)
        | LedgerEvent::Recipient(_)
        | LedgerEvent::Group(_)
        | LedgerEvent::Delivery(_) => false,
    }
}

/// What a subscription selects from this event on, where it says so.
const fn selector_of(event: &SubscriptionEvent) -> Option<&Selector> {
    match event {
        SubscriptionEvent::Subscribed { body, .. }
        | SubscriptionEvent::SubscriptionChanged { body, .. } => Some(&body.selector),
        SubscriptionEvent::GroupSubscribed { body, .. }
        | SubscriptionEvent::GroupSubscriptionChanged { body, .. } => Some(&body.selector),
        SubscriptionEvent::MemberOptedOut { .. }
        | SubscriptionEvent::MemberOptedIn { .. }
        | SubscriptionEvent::SubscriptionPaused { .. }
        | SubscriptionEvent::SubscriptionResumed { .. }
        | SubscriptionEvent::Unsubscribed { .. } => None,
    }
}
