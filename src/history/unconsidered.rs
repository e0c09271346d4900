use std::collections::BTreeMap;

use aggregates::recipient::{self, Recipient};
use aggregates::routing::RoutingIndex;
use aggregates::subscription::Subscription;
use aggregates::{Decider, subscription};
use schema::{
    Addressee, AggregateType, GrantId, GroupId, LedgerEvent, Position, RecipientId, ReportName,
    StreamId, SubscriptionId, TenantId,
};
use serde::Serialize;
use store::Ledger;

use crate::pages::{Pages, Source};
use crate::sentences::{membership, selected};
use crate::standing::state_of;
use crate::subject::begins_for;
use crate::why::{Part, Question};
use crate::{HistoryError, Moment};

/// What was so of a recipient that a plan did not look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unconsidered {
    /// The part of the plan in which its place is; none: the plan has not come there.
    pub slice: Option<u32>,
    /// The position that part was read at; the answer's own, when there is none.
    pub read_at: Position,
    /// Whether it was registered then.
    pub recipient: Registration,
    /// The grant by which it could have had the report then.
    pub grant: Option<GrantId>,
    /// All its subscriptions then, ended ones included, in the order of their names.
    pub subscriptions: Vec<Held>,
}

/// Whether a recipient is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// It never was.
    Unknown,
    /// It is.
    Active,
    /// It gets nothing any more.
    Retired,
}

impl Registration {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// A subscription of the recipient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// Which.
    pub subscription: SubscriptionId,
    /// As a member of which group; it is the recipient's own, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The version it stood at.
    pub version: u32,
    /// What it selected; it was ended, or the recipient opted out of it, when absent.
    pub selects: Option<String>,
}

impl Unconsidered {
    pub(crate) async fn of(
        ledger: &Ledger,
        question: Question<'_>,
        part: Option<Part>,
        as_of: Moment,
    ) -> Result<Self, HistoryError> {
        let Question { tenant, report, recipient, .. } = question;
        let read_at = part.map_or(as_of.position, |part| part.read_at);
        let now = part.map_or(as_of.at, |part| part.decided_at);
        let stream = Source::Stream(StreamId::recipient(tenant, recipient));
        let state =
            state_of::<recipient::Rules>(Pages::new(ledger, tenant, stream, read_at)).await?;
        let grant = state.known().and_then(|known| known.entitlement(report, now));
        Ok(Self {
            slice: part.map(|part| part.slice),
            read_at,
            recipient: Registration::from(&state),
            grant: grant.map(|grant| grant.id.clone()),
            subscriptions: held(ledger, tenant, recipient, read_at).await?,
        })
    }

    /// What was so, as a person reads it.
    #[must_use]
    pub fn sentence(&self, report: &ReportName) -> String {
        let read_at = self.read_at;
        let place = self.slice.map_or_else(
            || format!("not considered: by position {read_at} the plan has not come so far"),
            |slice| format!("never considered: slice {slice} was planned as of position {read_at}"),
        );
        let registered = match self.recipient {
            Registration::Unknown => "not registered",
            Registration::Active => "registered",
            Registration::Retired => "retired",
        };
        let grant = self.grant.as_ref().map_or_else(
            || format!("without a grant for {report}"),
            |grant| format!("entitled by grant {grant}"),
        );
        let held = |one: &Held| {
            let Held { subscription, version, selects, group } = one;
            let member = membership(group.as_ref());
            let what = selects
                .as_deref()
                .map_or_else(|| "ended".to_owned(), |what| format!("selects {what}"));
            format!("{subscription} (version {version}{member}, {what})")
        };
        let held: Vec<_> = self.subscriptions.iter().map(held).collect();
        let held = if held.is_empty() {
            "had no subscription".to_owned()
        } else {
            format!("had of subscriptions only {}", held.join(", "))
        };
        format!("{place}; the recipient was {registered}, {grant}, and {held}")
    }
}

impl From<&Recipient> for Registration {
    fn from(state: &Recipient) -> Self {
        match state {
            Recipient::Unknown => Self::Unknown,
            Recipient::Active(_) => Self::Active,
            Recipient::Retired => Self::Retired,
        }
    }
}

/// The groups of which a recipient was a member.
async fn groups_of(
    ledger: &Ledger,
    tenant: &TenantId,
    recipient: &RecipientId,
    through: Position,
) -> Result<Vec<GroupId>, HistoryError> {
    let mut index = RoutingIndex::new();
    let kinds = Source::Kinds(&[AggregateType::Group]);
    let mut pages = Pages::new(ledger, tenant, kinds, through);
    while let Some(events) = pages.next().await? {
        events.iter().for_each(|event| index.follow(event));
    }
    Ok(index.groups_of(tenant, recipient).into_iter().cloned().collect())
}

/// A recipient's subscriptions and those of its groups, out of all of the tenant's; holds no others.
async fn held(
    ledger: &Ledger,
    tenant: &TenantId,
    recipient: &RecipientId,
    through: Position,
) -> Result<Vec<Held>, HistoryError> {
    let groups = groups_of(ledger, tenant, recipient, through).await?;
    let kinds = Source::Kinds(&[AggregateType::Subscription]);
    let mut pages = Pages::new(ledger, tenant, kinds, through);
    let mut states: BTreeMap<SubscriptionId, Subscription> = BTreeMap::new();
    while let Some(events) = pages.next().await? {
        for event in &events {
            let LedgerEvent::Subscription(own) = &event.event else { continue };
            let Ok(id) = event.stream.local_id().parse::<SubscriptionId>() else { continue };
            if begins_for(own, recipient, |group| groups.contains(group)) {
                states.entry(id.clone()).or_default();
            }
            if let Some(state) = states.get_mut(&id) {
                subscription::Rules::evolve(state, own);
            }
        }
    }
    let told = |(subscription, state): (SubscriptionId, Subscription)| Held {
        subscription,
        group: state.subscriber().and_then(Addressee::group).cloned(),
        version: state.version(),
        selects: state
            .body()
            .filter(|_| !state.has_opted_out(recipient))
            .map(|body| selected(&body.selector)),
    };
    Ok(states.into_iter().map(told).collect())
}
