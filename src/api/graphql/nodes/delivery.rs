use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject};
use projections::deliveries::{DeliveryOutcome, DeliveryRow, DeliveryState as RowState, queries};
use schema::{DeliveryId, DistributionId, Position, TenantId};
use uuid::Uuid;

use super::{Distribution, Recipient, Report, Subscription};
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{
    DistributionKey, RecipientKey, ReportKey, SubscriptionKey, TimelineOf,
};
use crate::graphql::scalars::{Count, Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::timeline::TimelineEntry;
use crate::graphql::words::{Channel, DeliveryState, FailureClass, Outcome};

/// One report version to one recipient on one channel.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Delivery {
    /// Which.
    pub id: ID,
    /// Of which run.
    pub distribution: ID,
    /// Which report.
    pub report: ID,
    /// Which version.
    pub version: String,
    /// To whom.
    pub recipient: ID,
    /// How.
    pub channel: Channel,
    /// Where sends end up, as a pseudonym.
    pub destination: ID,
    /// To which of the recipient's addresses.
    pub address: ID,
    /// Because of which subscription.
    pub subscription: ID,
    /// As it stood then.
    pub subscription_version: Count,
    /// By which grant.
    pub grant: ID,
    /// In which part of the plan.
    pub slice: Count,
    /// Which of the version's artifacts; all of them, when absent.
    pub format: Option<String>,
    /// The delivery it repeats.
    pub resend_of: Option<ID>,
    /// 0 when planned, then counts repetitions.
    pub resend: Count,
    /// When it was planned.
    pub scheduled_at: Instant,
    /// When the version came in: latency counts from here.
    pub received_at: Instant,
    /// When it is no longer worth sending.
    pub deadline: Instant,
    /// Where it stands.
    pub state: DeliveryState,
    /// How it ended; none while it is open.
    pub outcome: Option<Outcome>,
    /// Why it was given up, called off or held back.
    pub reason: Option<String>,
    /// Attempts begun.
    pub attempts: Count,
    /// The node of the last one.
    pub node: Option<String>,
    /// Class of the last failure or doubt; kept when a later attempt works.
    pub fault_class: Option<FailureClass>,
    /// The taxonomy's name for it, such as `http.503`.
    pub fault_code: Option<String>,
    /// When it is tried again.
    pub next_attempt_at: Option<Instant>,
    /// When the first byte left.
    pub first_sent_at: Option<Instant>,
    /// From receipt of the version until then, in microseconds.
    pub latency_us: Option<Count>,
    /// How long the other side took to answer the last attempt that sent something, in microseconds.
    pub elapsed_us: Option<Count>,
    /// When it ended.
    pub closed_at: Option<Instant>,
    /// When it came back after it was accepted.
    pub bounced_at: Option<Instant>,
    /// By which event it was planned.
    pub position: LogPosition,
    /// The last event the read model has seen of it.
    pub last_position: LogPosition,
}

#[ComplexObject]
impl Delivery {
    /// All that happened to it, in order, from the log itself.
    #[graphql(complexity = "5 + 5 * child_complexity")]
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>, Fault> {
        let id: DeliveryId = self.id.parse()?;
        let events = Session::of(ctx)?.rows().load_one(TimelineOf(id)).await?.unwrap_or_default();
        events.iter().map(|event| TimelineEntry::of(event, &self.recipient)).collect()
    }

    /// Its run.
    async fn distribution_node(&self, ctx: &Context<'_>) -> Result<Option<Distribution>, Fault> {
        let id: DistributionId = self.distribution.parse()?;
        Session::of(ctx)?.rows().load_one(DistributionKey(id.as_uuid())).await
    }

    /// To whom.
    async fn recipient_node(&self, ctx: &Context<'_>) -> Result<Option<Recipient>, Fault> {
        Session::of(ctx)?.rows().load_one(RecipientKey(self.recipient.to_string())).await
    }

    /// Which report.
    async fn report_node(&self, ctx: &Context<'_>) -> Result<Option<Report>, Fault> {
        Session::of(ctx)?.rows().load_one(ReportKey(self.report.to_string())).await
    }

    /// The subscription as it stands now; the decision was made on `subscriptionVersion`.
    async fn subscription_node(&self, ctx: &Context<'_>) -> Result<Option<Subscription>, Fault> {
        Session::of(ctx)?.rows().load_one(SubscriptionKey(self.subscription.to_string())).await
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Fault;

    fn try_from(row: DeliveryRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.delivery.to_string().into(),
            distribution: row.distribution.to_string().into(),
            report: row.report.into(),
            version: row.version,
            recipient: row.recipient.into(),
            channel: Channel::read(&row.channel)?,
            destination: row.destination.into(),
            address: row.address.into(),
            subscription: row.subscription.into(),
            subscription_version: Count(row.subscription_version),
            grant: row.grant_id.into(),
            slice: Count(row.slice),
            format: row.format,
            resend_of: row.resend_of.map(|delivery| delivery.to_string().into()),
            resend: Count(row.resend),
            scheduled_at: row.scheduled_at.into(),
            received_at: row.received_at.into(),
            deadline: row.deadline.into(),
            state: DeliveryState::read(row.state.as_str())?,
            outcome: row.outcome.map(|outcome| Outcome::read(outcome.as_str())).transpose()?,
            reason: row.reason,
            attempts: Count(row.attempts),
            node: row.node,
            fault_class: row.fault_class.as_deref().map(FailureClass::read).transpose()?,
            fault_code: row.fault_code,
            next_attempt_at: row.next_attempt_at.map(Into::into),
            first_sent_at: row.first_sent_at.map(Into::into),
            latency_us: row.latency_us.map(Count),
            elapsed_us: row.elapsed_us.map(Count),
            closed_at: row.closed_at.map(Into::into),
            bounced_at: row.bounced_at.map(Into::into),
            position: LogPosition(Position(row.position)),
            last_position: LogPosition(Position(row.last_position)),
        })
    }
}

/// Which deliveries.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DeliveryFilter {
    /// Only of this run.
    pub distribution: Option<ID>,
    /// Only of this report.
    pub report: Option<ID>,
    /// Only of the version of this name.
    pub version: Option<String>,
    /// Only to this recipient.
    pub recipient: Option<ID>,
    /// Only because of this subscription.
    pub subscription: Option<ID>,
    /// Only on this channel.
    pub channel: Option<Channel>,
    /// Only to this destination.
    pub destination: Option<ID>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those not closed, or only those closed.
    pub open: Option<bool>,
    /// Only those that ended so.
    pub outcome: Option<Outcome>,
    /// Only those whose last failure or doubt was of this class.
    pub fault_class: Option<FailureClass>,
    /// Only those that came back after they were accepted, or only others.
    pub bounced: Option<bool>,
    /// Only resends, or only planned ones.
    pub resends: Option<bool>,
    /// Their version was received at or after.
    pub received_from: Option<Instant>,
    /// Their version was received before.
    pub received_until: Option<Instant>,
}

impl DeliveryFilter {
    /// The same question of one tenant's read model.
    ///
    /// # Errors
    /// Bad input when the run's id is no UUID.
    pub fn of(self, tenant: &TenantId) -> Result<queries::DeliveryFilter, Fault> {
        Ok(queries::DeliveryFilter {
            tenant: tenant.to_string(),
            distribution: self.distribution.map(|id| distribution_id(&id)).transpose()?,
            report: self.report.map(|report| report.0),
            version: self.version,
            recipient: self.recipient.map(|recipient| recipient.0),
            subscription: self.subscription.map(|subscription| subscription.0),
            channel: self.channel.map(|channel| channel.as_str().to_owned()),
            destination: self.destination.map(|destination| destination.0),
            state: self.state.map(Into::into),
            open: self.open,
            outcome: self.outcome.map(Into::into),
            fault_class: self.fault_class.map(|class| class.as_str().to_owned()),
            bounced: self.bounced,
            resends: self.resends,
            received_from: self.received_from.map(|at| at.0.to_chrono()),
            received_until: self.received_until.map(|at| at.0.to_chrono()),
        })
    }
}

/// A run's id as a client wrote it.
///
/// # Errors
/// Bad input when it is no UUID.
pub fn distribution_id(id: &ID) -> Result<Uuid, Fault> {
    Ok(id.parse::<DistributionId>()?.as_uuid())
}

impl From<DeliveryState> for RowState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Scheduled => Self::Scheduled,
            DeliveryState::Attempting => Self::Attempting,
            DeliveryState::Retrying => Self::Retrying,
            DeliveryState::InDoubt => Self::InDoubt,
            DeliveryState::Held => Self::Held,
            DeliveryState::Closed => Self::Closed,
        }
    }
}

impl From<Outcome> for DeliveryOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Accepted => Self::Accepted,
            Outcome::DeadLettered => Self::DeadLettered,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Expired => Self::Expired,
            Outcome::Suppressed => Self::Suppressed,
        }
    }
}

/// By what deliveries are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
pub enum DeliverySort {
    /// As they were planned.
    #[default]
    Position,
    /// By when their version was received.
    ReceivedAt,
    /// By when they ended; open ones are left out. Only with a run or a recipient.
    ClosedAt,
}

impl From<DeliverySort> for queries::DeliverySort {
    fn from(sort: DeliverySort) -> Self {
        match sort {
            DeliverySort::Position => Self::Position,
            DeliverySort::ReceivedAt => Self::ReceivedAt,
            DeliverySort::ClosedAt => Self::ClosedAt,
        }
    }
}
