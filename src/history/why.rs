use aggregates::Decider;
use aggregates::delivery::{self, Delivery, Outcome};
use schema::events::{
    DeliveryEvent, DeliveryPlan, DistributionEvent, NotPlannedReason, ReportVersion,
};
use schema::{
    ChannelKind, DeliveryId, DistributionId, GrantId, GroupId, LedgerEvent, Position, RecipientId,
    RecordedEvent, ReportName, StreamId, SubscriptionId, TenantId, Timestamp, VersionName,
};
use serde::Serialize;
use store::Ledger;

use crate::pages::{Pages, Source};
use crate::sentences;
use crate::unconsidered::Unconsidered;
use crate::{HistoryError, Moment};

/// Which pairs are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Whose.
    pub tenant: &'q TenantId,
    /// Of which report.
    pub report: &'q ReportName,
    /// Which version of it.
    pub version: &'q VersionName,
    /// Of whom.
    pub recipient: &'q RecipientId,
}

/// Why a recipient got a report version, or did not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// What was read, at least.
    #[serde(flatten)]
    pub as_of: Moment,
    /// The run that planned the version.
    pub distribution: DistributionId,
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
    /// Who.
    pub recipient: RecipientId,
    /// When the version came in.
    pub received_at: Timestamp,
    /// One decision for each of the recipient's subscriptions that was considered.
    pub decisions: Vec<Decision>,
    /// When none was: what was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconsidered: Option<Unconsidered>,
}

/// The decision on one pair of subscription and recipient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// By which subscription.
    pub subscription: SubscriptionId,
    /// As it stood then.
    pub subscription_version: u32,
    /// As a member of which group; it is the recipient's own, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// What was decided.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// In which part of the plan.
    pub slice: u32,
    /// The log's position at which subscriptions, grants and addresses were read for it.
    pub read_at: Position,
    /// By which event.
    pub decided_by: Position,
    /// When.
    pub decided_at: Timestamp,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It led to a delivery.
    Planned {
        /// Which.
        delivery: DeliveryId,
        /// How.
        channel: ChannelKind,
        /// By which grant.
        grant: GrantId,
        /// How it ended; it is open, when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
    /// It led to none.
    NotPlanned {
        /// Why.
        reason: NotPlannedReason,
    },
}

/// The part of the plan in which a recipient's place is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub slice: u32,
    pub read_at: Position,
    pub decided_by: Position,
    pub decided_at: Timestamp,
}

impl Why {
    /// The decisions, as the log up to `as_of` has them: at least, since a transaction is never seen in part. None when
    /// no such version came in.
    ///
    /// # Errors
    /// [`HistoryError::Unreadable`] when an event is newer than this program; the store's.
    pub async fn of(
        ledger: &Ledger,
        question: Question<'_>,
        as_of: Moment,
    ) -> Result<Option<Self>, HistoryError> {
        let Question { tenant, report, version, recipient } = question;
        let distribution = DistributionId::of(tenant, report, version);
        let found = Found::read(ledger, question, distribution, as_of.position).await?;
        let Some(received) = &found.received else { return Ok(None) };
        let received_at = received.received_at;
        let mut decisions = found.refused;
        if let Some(part) = found.part {
            decisions.extend(planned(ledger, question, received, part).await?);
        }
        decisions.sort_by(|a, b| a.subscription.cmp(&b.subscription));
        let unconsidered = if decisions.is_empty() {
            Some(Unconsidered::of(ledger, question, found.part, as_of).await?)
        } else {
            None
        };
        let (report, version, recipient) = (report.clone(), version.clone(), recipient.clone());
        Ok(Some(Self {
            as_of,
            distribution,
            report,
            version,
            recipient,
            received_at,
            decisions,
            unconsidered,
        }))
    }

    /// The answer in sentences, one per decision.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let unconsidered = self.unconsidered.iter().map(|told| told.sentence(&self.report));
        self.decisions.iter().map(Decision::sentence).chain(unconsidered).collect()
    }
}

impl Decision {
    /// The decision as a person reads it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { subscription, subscription_version: version, read_at, .. } = self;
        let member = sentences::membership(self.group.as_ref());
        let grounds = format!("by subscription {subscription} (version {version}){member}");
        match &self.verdict {
            Verdict::Planned { delivery, channel, grant, outcome } => {
                let end = outcome.map_or("open", Outcome::as_str);
                let sent = format!("delivery {delivery} by {channel}, {end}");
                format!("planned {grounds} under grant {grant}, as of position {read_at}: {sent}")
            }
            Verdict::NotPlanned { reason } => {
                let why = sentences::reason(*reason);
                format!("not planned {grounds}, as of position {read_at}: {why}")
            }
        }
    }
}

/// A subscription, its version, and the group by which the recipient comes to it.
type Grounds = (SubscriptionId, u32, Option<GroupId>);

impl Part {
    fn decision(self, grounds: Grounds, verdict: Verdict) -> Decision {
        let Self { slice, read_at, decided_by, decided_at } = self;
        let (subscription, subscription_version, group) = grounds;
        Decision {
            subscription,
            subscription_version,
            group,
            verdict,
            slice,
            read_at,
            decided_by,
            decided_at,
        }
    }
}

/// What a distribution's stream says of one recipient.
#[derive(Default)]
struct Found {
    received: Option<ReportVersion>,
    part: Option<Part>,
    refused: Vec<Decision>,
}

impl Found {
    async fn read(
        ledger: &Ledger,
        question: Question<'_>,
        distribution: DistributionId,
        through: Position,
    ) -> Result<Self, HistoryError> {
        let source = Source::Stream(StreamId::distribution(distribution));
        let mut pages = Pages::new(ledger, question.tenant, source, through);
        let mut found = Self::default();
        while let Some(events) = pages.next().await? {
            events.iter().for_each(|event| found.take(event, question.recipient));
        }
        Ok(found)
    }

    fn take(&mut self, event: &RecordedEvent, recipient: &RecipientId) {
        match &event.event {
            LedgerEvent::Distribution(DistributionEvent::ReportReceived(version)) => {
                self.received = Some(version.clone());
            }
            LedgerEvent::Distribution(DistributionEvent::SlicePlanned {
                slice,
                after,
                through,
                read_at,
                decisions,
                ..
            }) => {
                let is_behind = after.as_ref().is_none_or(|after| after < recipient);
                let is_reached = through.as_ref().is_none_or(|through| recipient <= through);
                if !is_behind || !is_reached {
                    return;
                }
                let (slice, read_at) = (*slice, *read_at);
                let (decided_by, decided_at) = (event.position, event.recorded_at);
                let part = Part { slice, read_at, decided_by, decided_at };
                self.part = Some(part);
                let own = decisions.iter().filter(|decision| decision.recipient == *recipient);
                self.refused.extend(own.map(|decision| {
                    let verdict = Verdict::NotPlanned { reason: decision.reason };
                    let (version, group) = (decision.subscription_version, decision.group.clone());
                    part.decision((decision.subscription.clone(), version, group), verdict)
                }));
            }
            _ => {}
        }
    }
}

/// The deliveries that the recipient's part led to. Their ids follow from what they are, so nothing is searched for.
async fn planned(
    ledger: &Ledger,
    question: Question<'_>,
    version: &ReportVersion,
    part: Part,
) -> Result<Vec<Decision>, HistoryError> {
    let Question { tenant, recipient, .. } = question;
    let distribution = DistributionId::of(tenant, &version.report, &version.version);
    let mut found = Vec::new();
    for channel in ChannelKind::ALL {
        let delivery = DeliveryId::of(distribution, version.received_at, recipient, channel, 0);
        let Some((scheduled, plan, outcome)) = read_delivery(ledger, tenant, delivery).await?
        else {
            continue;
        };
        let part = Part { decided_by: scheduled.0, decided_at: scheduled.1, ..part };
        let DeliveryPlan { grant, subscription, subscription_version, group, .. } = plan;
        let verdict = Verdict::Planned { delivery, channel, grant, outcome };
        found.push(part.decision((subscription, subscription_version, group), verdict));
    }
    Ok(found)
}

type Scheduled = (Position, Timestamp);

/// A delivery's stream to its end: it is written in one transaction with the slice, which may lie on both sides of a
/// position.
async fn read_delivery(
    ledger: &Ledger,
    tenant: &TenantId,
    delivery: DeliveryId,
) -> Result<Option<(Scheduled, DeliveryPlan, Option<Outcome>)>, HistoryError> {
    let source = Source::Stream(StreamId::delivery(delivery));
    let mut pages = Pages::new(ledger, tenant, source, Position(i64::MAX));
    let (mut scheduled, mut state) = (None, Delivery::default());
    while let Some(events) = pages.next().await? {
        for event in &events {
            let LedgerEvent::Delivery(own) = &event.event else { continue };
            if let DeliveryEvent::DeliveryScheduled(plan) = own {
                scheduled = Some(((event.position, event.recorded_at), plan.clone()));
            }
            delivery::Rules::evolve(&mut state, own);
        }
    }
    Ok(scheduled.map(|(at, plan)| (at, plan, state.outcome())))
}
