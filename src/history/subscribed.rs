use aggregates::routing::{Candidate, RoutingIndex};
use aggregates::subscription::Subscription;
use schema::{
    AggregateType, GrantId, GroupId, RecipientId, ReportName, Selector, SubscriptionId, TenantId,
    Timestamp,
};
use serde::Serialize;
use store::Ledger;

use crate::pages::{Pages, Source};
use crate::{HistoryError, Moment};

/// Whether a subscription holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It holds.
    Active,
    /// It holds back.
    Paused,
}

/// A subscription that spoke of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subscriber {
    /// Whose.
    pub recipient: RecipientId,
    /// Which.
    pub subscription: SubscriptionId,
    /// As a member of which group; it is the recipient's own, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The version it stood at.
    pub version: u32,
    /// Whether it held.
    pub state: Hold,
    /// Until when it held back; until resumed, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// Which versions of which report.
    pub selector: Selector,
    /// The grant by which the recipient may have it; none: it would not be planned.
    pub grant: Option<GrantId>,
}

/// Who was subscribed to a report at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subscribed {
    /// To which report.
    pub report: ReportName,
    /// When.
    #[serde(flatten)]
    pub as_of: Moment,
    /// In the order of recipients, each with all its subscriptions.
    pub subscribers: Vec<Subscriber>,
    /// Behind whom the next page begins; none: these are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<RecipientId>,
}

impl Subscribed {
    /// The first `limit` recipients behind `after` with a subscription that was not ended and spoke of the report.
    /// Holds the tenant's recipients and subscriptions in memory while it answers: what `serve` holds of all tenants
    /// at any time.
    ///
    /// # Errors
    /// [`HistoryError::Unreadable`] when an event is newer than this program; the store's.
    pub async fn of(
        ledger: &Ledger,
        tenant: &TenantId,
        report: &ReportName,
        as_of: Moment,
        (after, limit): (Option<&RecipientId>, usize),
    ) -> Result<Self, HistoryError> {
        let index = index_at(ledger, tenant, as_of).await?;
        let mut candidates = index.candidates(tenant, report, after).peekable();
        let (mut subscribers, mut last) = (Vec::new(), None);
        for candidate in candidates.by_ref().take(limit) {
            last = Some(candidate.recipient);
            subscribers.extend(subscriptions(&candidate, report, as_of));
        }
        let next_after = candidates.peek().and(last).cloned();
        Ok(Self { report: report.clone(), as_of, subscribers, next_after })
    }
}

/// Who wanted what, as planning would have known it.
async fn index_at(
    ledger: &Ledger,
    tenant: &TenantId,
    as_of: Moment,
) -> Result<RoutingIndex, HistoryError> {
    let mut index = RoutingIndex::new();
    let kinds = Source::Kinds(&[
        AggregateType::Recipient,
        AggregateType::Group,
        AggregateType::Subscription,
    ]);
    let mut pages = Pages::new(ledger, tenant, kinds, as_of.position);
    while let Some(events) = pages.next().await? {
        events.iter().for_each(|event| index.follow(event));
    }
    Ok(index)
}

fn subscriptions(
    candidate: &Candidate<'_>,
    report: &ReportName,
    as_of: Moment,
) -> impl Iterator<Item = Subscriber> {
    let grant = candidate.state.known().and_then(|known| known.entitlement(report, as_of.at));
    candidate.subscriptions.iter().filter_map(move |(id, subscription)| {
        let is_paused = subscription.is_paused(as_of.at);
        let paused_until = match subscription {
            Subscription::Paused { until, .. } if is_paused => *until,
            _ => None,
        };
        let body = subscription.body()?;
        Some(Subscriber {
            recipient: candidate.recipient.clone(),
            subscription: (*id).clone(),
            group: body.subscriber.group().cloned(),
            version: subscription.version(),
            state: if is_paused { Hold::Paused } else { Hold::Active },
            paused_until,
            selector: body.selector.clone(),
            grant: grant.map(|grant| grant.id.clone()),
        })
    })
}
