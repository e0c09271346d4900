use std::collections::HashSet;

use schema::events::{DistributionEvent, RecipientEvent, SubscriptionEvent};
use schema::{
    AggregateType, GrantId, LedgerEvent, RecipientId, RecordedEvent, ReportName, StreamId, TenantId,
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
    /// A recipient's: itself, its subscriptions, its deliveries, and the decisions against one.
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
    },
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
                Self::Recipient { recipient, stream, subscriptions: HashSet::new() }
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
            Self::Recipient { recipient, stream, subscriptions } => match &event.event {
                LedgerEvent::Distribution(said) => return decisions(said, recipient),
                LedgerEvent::Subscription(said) => {
                    if begins_for(said, recipient) {
                        subscriptions.insert(event.stream.clone());
                    }
                    subscriptions.contains(&event.stream)
                }
                // Those that were looked up: they are its own.
                LedgerEvent::Delivery(_) => true,
                _ => event.stream == *stream,
            },
        };
        belongs.then(|| sentence(&event.event))
    }
}

/// Whether a subscription of the recipient's begins: it never changes whose it is.
pub(crate) fn begins_for(event: &SubscriptionEvent, recipient: &RecipientId) -> bool {
    matches!(event, SubscriptionEvent::Subscribed { body, .. } if body.recipient == *recipient)
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
        LedgerEvent::Subscription(
            SubscriptionEvent::Subscribed { body, .. }
            | SubscriptionEvent::SubscriptionChanged { body, .. },
        ) => {
            if !body.selector.report.covers(report) {
                return streams.remove(&event.stream);
            }
            streams.insert(stream());
            true
        }
        LedgerEvent::Distribution(_) | LedgerEvent::Subscription(_) => {
            streams.contains(&event.stream)
        }
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
        | LedgerEvent::Delivery(_) => false,
    }
}
