use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};
use history::Verdict;
use projections::deliveries::{DeliveryRow, queries::DeliveryFilter};
use projections::distributions::NotPlannedRow;
use projections::distributions::queries::NotPlannedFilter;
use schema::{DeliveryId, DistributionId, Position, ReportName, TenantId, VersionName};
use uuid::Uuid;

use super::delivery::distribution_id;
use super::{Delivery, Recipient, Subscription};
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{DeliveryKey, RecipientKey, SlicesOf, SubscriptionKey};
use crate::graphql::scalars::{Count, Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::{Channel, NotPlannedReason};

/// Why a recipient got a report version, or did not: one per considered pair of subscription and recipient.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Decision {
    /// Whether it led to a delivery.
    pub planned: bool,
    /// Why not; none when it did.
    pub reason: Option<NotPlannedReason>,
    /// Of which run.
    pub distribution: ID,
    /// Which report.
    pub report: ID,
    /// Which version.
    pub version: String,
    /// About whom.
    pub recipient: ID,
    /// By which subscription.
    pub subscription: ID,
    /// As it stood then.
    pub subscription_version: Count,
    /// By which grant, when it led to a delivery.
    pub grant: Option<ID>,
    /// How, when it led to a delivery.
    pub channel: Option<Channel>,
    /// In which part of the plan.
    pub slice: Count,
    /// When.
    pub decided_at: Instant,
    /// By which event.
    pub position: LogPosition,
    /// The delivery it led to.
    pub delivery: Option<ID>,
    #[graphql(skip)]
    read_at_known: Option<i64>,
}

#[ComplexObject]
impl Decision {
    /// The log's position at which subscriptions, entitlements and addresses were read for it.
    async fn read_at(&self, ctx: &Context<'_>) -> Result<Option<LogPosition>, Fault> {
        if let Some(position) = self.read_at_known {
            return Ok(Some(LogPosition(Position(position))));
        }
        let id: DistributionId = self.distribution.parse()?;
        let slices = Session::of(ctx)?.rows().load_one(SlicesOf(id)).await?.unwrap_or_default();
        let slice = u32::try_from(self.slice.0).ok();
        Ok(slice.and_then(|slice| slices.get(&slice)).map(|position| LogPosition(*position)))
    }

    /// The delivery it led to.
    async fn delivery_node(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, Fault> {
        let Some(id) = &self.delivery else { return Ok(None) };
        let id: DeliveryId = id.parse()?;
        Session::of(ctx)?.rows().load_one(DeliveryKey(id.as_uuid())).await
    }

    /// The subscription as it stands now; the decision was made on `subscriptionVersion`.
    async fn subscription_node(&self, ctx: &Context<'_>) -> Result<Option<Subscription>, Fault> {
        Session::of(ctx)?.rows().load_one(SubscriptionKey(self.subscription.to_string())).await
    }

    /// About whom.
    async fn recipient_node(&self, ctx: &Context<'_>) -> Result<Option<Recipient>, Fault> {
        Session::of(ctx)?.rows().load_one(RecipientKey(self.recipient.to_string())).await
    }
}

impl TryFrom<DeliveryRow> for Decision {
    type Error = Fault;

    fn try_from(row: DeliveryRow) -> Result<Self, Fault> {
        Ok(Self {
            planned: true,
            reason: None,
            distribution: row.distribution.to_string().into(),
            report: row.report.into(),
            version: row.version,
            recipient: row.recipient.into(),
            subscription: row.subscription.into(),
            subscription_version: Count(row.subscription_version),
            grant: Some(row.grant_id.into()),
            channel: Some(Channel::read(&row.channel)?),
            slice: Count(row.slice),
            decided_at: row.scheduled_at.into(),
            position: LogPosition(Position(row.position)),
            delivery: Some(row.delivery.to_string().into()),
            read_at_known: None,
        })
    }
}

impl Decision {
    /// A decision as the log has it.
    #[must_use]
    pub fn logged(why: &history::Why, decision: &history::Decision) -> Self {
        let mut told = Self {
            planned: false,
            reason: None,
            distribution: why.distribution.to_string().into(),
            report: why.report.to_string().into(),
            version: why.version.to_string(),
            recipient: why.recipient.to_string().into(),
            subscription: decision.subscription.to_string().into(),
            subscription_version: Count(decision.subscription_version.into()),
            grant: None,
            channel: None,
            slice: Count(decision.slice.into()),
            decided_at: Instant(decision.decided_at),
            position: LogPosition(decision.decided_by),
            delivery: None,
            read_at_known: Some(decision.read_at.0),
        };
        match &decision.verdict {
            Verdict::Planned { delivery, channel, grant, .. } => {
                told.planned = true;
                told.delivery = Some(delivery.to_string().into());
                told.channel = Channel::read(channel.as_str()).ok();
                told.grant = Some(grant.to_string().into());
            }
            Verdict::NotPlanned { reason } => {
                told.reason = NotPlannedReason::read(reason.as_str()).ok();
            }
        }
        told
    }
}

impl TryFrom<NotPlannedRow> for Decision {
    type Error = Fault;

    fn try_from(row: NotPlannedRow) -> Result<Self, Fault> {
        Ok(Self {
            planned: false,
            reason: Some(NotPlannedReason::read(&row.reason)?),
            distribution: row.distribution.to_string().into(),
            report: row.report.into(),
            version: row.version,
            recipient: row.recipient.into(),
            subscription: row.subscription.into(),
            subscription_version: Count(row.subscription_version),
            grant: None,
            channel: None,
            slice: Count(row.slice),
            decided_at: row.decided_at.into(),
            position: LogPosition(Position(row.position)),
            delivery: None,
            read_at_known: Some(row.read_at),
        })
    }
}

/// Which decisions: of one run, by its id or by report and version; narrowed down to a recipient or subscription.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DecisionFilter {
    /// Of this run.
    pub distribution: Option<ID>,
    /// Of this report; with `version` instead of `distribution`.
    pub report: Option<String>,
    /// Of this version; with `report`.
    pub version: Option<String>,
    /// Only about this recipient.
    pub recipient: Option<ID>,
    /// Only by this subscription.
    pub subscription: Option<ID>,
    /// Only those that led to a delivery, or only those that did not.
    pub planned: Option<bool>,
    /// Only those that led to none for this reason.
    pub reason: Option<NotPlannedReason>,
}

impl DecisionFilter {
    /// The same question of both read models: deliveries planned, and decisions against one. A part that nothing is
    /// wanted of is absent.
    ///
    /// # Errors
    /// Bad input when no run is named, or one that cannot be.
    pub fn of(
        self,
        tenant: &TenantId,
    ) -> Result<(Option<DeliveryFilter>, Option<NotPlannedFilter>), Fault> {
        let run = self.run(tenant)?;
        let recipient = self.recipient.map(|recipient| recipient.0);
        let subscription = self.subscription.map(|subscription| subscription.0);
        let planned = DeliveryFilter {
            distribution: Some(run),
            recipient: recipient.clone(),
            subscription: subscription.clone(),
            resends: Some(false),
            ..DeliveryFilter::of(tenant.as_str())
        };
        let against = NotPlannedFilter {
            distribution: Some(run),
            recipient,
            subscription,
            reason: self.reason.map(|reason| reason.as_str().to_owned()),
            ..NotPlannedFilter::of(tenant.as_str())
        };
        let only_against = self.planned == Some(false) || self.reason.is_some();
        let only_planned = self.planned == Some(true);
        Ok(((!only_against).then_some(planned), (!only_planned).then_some(against)))
    }

    fn run(&self, tenant: &TenantId) -> Result<Uuid, Fault> {
        match (&self.distribution, &self.report, &self.version) {
            (Some(id), None, None) => distribution_id(id),
            (None, Some(report), Some(version)) => {
                let (report, version) =
                    (ReportName::try_new(report)?, VersionName::try_new(version)?);
                Ok(DistributionId::of(tenant, &report, &version).as_uuid())
            }
            _ => Err(Fault::bad_input("name one run: distribution, or report and version")),
        }
    }
}
