use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};
use projections::subscriptions::queries::{self, SubscriptionRow};
use schema::{Position, TenantId, Timestamp};

use super::{Group, Recipient, Report};
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{GroupKey, RecipientKey, ReportKey};
use crate::graphql::scalars::{Count, Instant, Json, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::SubscriptionState;

/// Who wants which report versions, and how.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Subscription {
    /// Its name.
    pub id: ID,
    /// Who gets it, unless it is a group's.
    pub recipient: Option<ID>,
    /// Whose members get it, where it is a group's.
    pub group: Option<ID>,
    /// How many of the group want none of it.
    pub opted_out: Option<Count>,
    /// The report it asks for; `*` for all.
    pub report: String,
    /// Which versions: `{report, attributes}`.
    pub selector: Json,
    /// How: `{channels, formats, deadline_s, timing: {at, calendar, quiet_hours}}`.
    pub preferences: Json,
    /// Counts what it said, from 1: decisions name it.
    pub version: Count,
    /// Whether it holds now.
    pub state: SubscriptionState,
    /// Until when it holds back (exclusive); until resumed, when absent. Kept after it has passed.
    pub paused_until: Option<Instant>,
    /// Why it was paused or ended last.
    pub reason: Option<String>,
    /// Since when (last, if it had ended).
    pub subscribed_at: Instant,
    /// When it last changed.
    pub changed_at: Instant,
    /// How many events its history has.
    pub change_count: Count,
    /// By which event it came.
    pub position: LogPosition,
    /// Last sequence of its stream: what If-Match of the REST API compares.
    pub sequence: Count,
}

#[ComplexObject]
impl Subscription {
    /// Who gets it, unless it is a group's.
    async fn recipient_node(&self, ctx: &Context<'_>) -> Result<Option<Recipient>, Fault> {
        let Some(recipient) = &self.recipient else { return Ok(None) };
        Session::of(ctx)?.rows().load_one(RecipientKey(recipient.to_string())).await
    }

    /// Whose members get it, where it is a group's.
    async fn group_node(&self, ctx: &Context<'_>) -> Result<Option<Group>, Fault> {
        let Some(group) = &self.group else { return Ok(None) };
        Session::of(ctx)?.rows().load_one(GroupKey(group.to_string())).await
    }

    /// The report it asks for; none when it asks for all.
    async fn report_node(&self, ctx: &Context<'_>) -> Result<Option<Report>, Fault> {
        Session::of(ctx)?.rows().load_one(ReportKey(self.report.clone())).await
    }
}

impl TryFrom<SubscriptionRow> for Subscription {
    type Error = Fault;

    fn try_from(row: SubscriptionRow) -> Result<Self, Fault> {
        let unwritable = |_| Fault::internal("a subscription cannot be written as JSON");
        Ok(Self {
            id: row.subscription.into(),
            recipient: row.recipient.map(Into::into),
            group: row.group_id.map(Into::into),
            opted_out: row.opted_out.map(Count),
            report: row.report,
            selector: Json(serde_json::to_value(&row.selector.0).map_err(unwritable)?),
            preferences: Json(serde_json::to_value(&row.preferences.0).map_err(unwritable)?),
            version: Count(row.version),
            state: row.state.into(),
            paused_until: row.paused_until.map(Into::into),
            reason: row.reason,
            subscribed_at: row.subscribed_at.into(),
            changed_at: row.changed_at.into(),
            change_count: Count(row.change_count),
            position: LogPosition(Position(row.position)),
            sequence: Count(row.sequence),
        })
    }
}

impl From<queries::SubscriptionState> for SubscriptionState {
    fn from(state: queries::SubscriptionState) -> Self {
        match state {
            queries::SubscriptionState::Active => Self::Active,
            queries::SubscriptionState::Paused => Self::Paused,
            queries::SubscriptionState::Ended => Self::Ended,
        }
    }
}

impl From<SubscriptionState> for queries::SubscriptionState {
    fn from(state: SubscriptionState) -> Self {
        match state {
            SubscriptionState::Active => Self::Active,
            SubscriptionState::Paused => Self::Paused,
            SubscriptionState::Ended => Self::Ended,
        }
    }
}

/// Which subscriptions.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SubscriptionFilter {
    /// Only this recipient's.
    pub recipient: Option<ID>,
    /// Only this group's.
    pub group: Option<ID>,
    /// Only those that ask for this report by name, or `*` for those that ask for all.
    pub report: Option<String>,
    /// Only those in this state.
    pub state: Option<SubscriptionState>,
}

impl SubscriptionFilter {
    /// The same question of one tenant's read model, as of `now`.
    #[must_use]
    pub fn of(self, tenant: &TenantId, now: Timestamp) -> queries::SubscriptionFilter {
        queries::SubscriptionFilter {
            recipient: self.recipient.map(|recipient| recipient.0),
            group: self.group.map(|group| group.0),
            report: self.report,
            state: self.state.map(Into::into),
            ..queries::SubscriptionFilter::of(tenant.as_str(), now.to_chrono())
        }
    }
}
