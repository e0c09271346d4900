use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject};
use projections::distributions::{DistributionRow, OutcomeRow, OutcomeSums as Sums, queries};
use schema::events::ArtifactRef;
use schema::{DistributionId, Position, TenantId};

use super::Report;
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{OutcomesOf, ReportKey};
use crate::graphql::scalars::{Count, Instant, Json, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::{Channel, NotPlannedReason};

/// A report version and the run that plans and delivers it. considered = planned + notPlanned; planned = the sum over
/// outcomes + open.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Distribution {
    /// Which run.
    pub id: ID,
    /// Which report.
    pub report: ID,
    /// Which version.
    pub version: String,
    /// SHA-256 of what came in, hexadecimal.
    pub digest: String,
    /// The report's title when it came in.
    pub title: String,
    /// What the version says of itself: name → value.
    pub attributes: Json,
    /// Its files.
    pub artifacts: Vec<Artifact>,
    /// The version it corrects.
    pub corrects: Option<String>,
    /// The version that takes its place.
    pub corrected_by: Option<String>,
    /// When it came in.
    pub received_at: Instant,
    /// When its deliveries expire.
    pub deadline: Instant,
    /// How many parts are planned so far.
    pub slices: Count,
    /// Pairs of subscription and recipient looked at.
    pub considered: Count,
    /// Pairs that led to a delivery.
    pub planned: Count,
    /// Pairs that did not.
    pub not_planned: Count,
    /// Those, by reason.
    pub not_planned_by_reason: Vec<ReasonCount>,
    /// When the last part was planned; none while planning goes on.
    pub plan_complete_at: Option<Instant>,
    /// When it was taken back.
    pub withdrawn_at: Option<Instant>,
    /// Why.
    pub withdraw_reason: Option<String>,
    /// When every planned delivery was closed and the sums closed: the end of the run.
    pub reconciled_at: Option<Instant>,
    /// By which event it came.
    pub position: LogPosition,
    /// The last event of its stream.
    pub last_position: LogPosition,
}

#[ComplexObject]
impl Distribution {
    /// How its planned deliveries stand, over all channels.
    async fn outcomes(&self, ctx: &Context<'_>) -> Result<OutcomeSums, Fault> {
        Ok(Sums::of(&self.outcome_rows(ctx).await?, false).into())
    }

    /// How its resends stand, over all channels. They are not part of the run's sums.
    async fn resends(&self, ctx: &Context<'_>) -> Result<OutcomeSums, Fault> {
        Ok(Sums::of(&self.outcome_rows(ctx).await?, true).into())
    }

    /// The same per channel.
    #[graphql(complexity = "2 + 4 * child_complexity")]
    async fn channels(&self, ctx: &Context<'_>) -> Result<Vec<ChannelOutcomes>, Fault> {
        let mut channels: BTreeMap<(String, bool), Vec<OutcomeRow>> = BTreeMap::new();
        for row in self.outcome_rows(ctx).await? {
            match channels.entry((row.channel.clone(), row.resend)) {
                Entry::Occupied(mut rows) => rows.get_mut().push(row),
                Entry::Vacant(rows) => {
                    rows.insert(vec![row]);
                }
            }
        }
        let each = channels.into_iter().map(|((channel, resends), rows)| {
            let sums = Sums::of(&rows, resends).into();
            Ok(ChannelOutcomes { channel: Channel::read(&channel)?, resends, sums })
        });
        each.collect()
    }

    /// Which report.
    async fn report_node(&self, ctx: &Context<'_>) -> Result<Option<Report>, Fault> {
        Session::of(ctx)?.rows().load_one(ReportKey(self.report.to_string())).await
    }
}

impl Distribution {
    async fn outcome_rows(&self, ctx: &Context<'_>) -> Result<Vec<OutcomeRow>, Fault> {
        let id: DistributionId = self.id.parse()?;
        let found = Session::of(ctx)?.rows().load_one(OutcomesOf(id.as_uuid())).await?;
        Ok(found.unwrap_or_default())
    }
}

impl TryFrom<DistributionRow> for Distribution {
    type Error = Fault;

    fn try_from(row: DistributionRow) -> Result<Self, Fault> {
        let unwritable = |_| Fault::internal("attributes cannot be written as JSON");
        let reasons = row.not_planned_by.0.iter().map(|(reason, count)| {
            Ok(ReasonCount { reason: NotPlannedReason::read(reason)?, count: Count(*count) })
        });
        Ok(Self {
            id: row.distribution.to_string().into(),
            report: row.report.into(),
            version: row.version,
            digest: row.digest,
            title: row.title,
            attributes: Json(serde_json::to_value(&row.attributes.0).map_err(unwritable)?),
            artifacts: row.artifacts.0.into_iter().map(Artifact::from).collect(),
            corrects: row.corrects,
            corrected_by: row.corrected_by,
            received_at: row.received_at.into(),
            deadline: row.deadline.into(),
            slices: Count(row.slices),
            considered: Count(row.considered),
            planned: Count(row.planned),
            not_planned: Count(row.not_planned),
            not_planned_by_reason: reasons.collect::<Result<_, Fault>>()?,
            plan_complete_at: row.plan_complete_at.map(Into::into),
            withdrawn_at: row.withdrawn_at.map(Into::into),
            withdraw_reason: row.withdraw_reason,
            reconciled_at: row.reconciled_at.map(Into::into),
            position: LogPosition(Position(row.position)),
            last_position: LogPosition(Position(row.last_position)),
        })
    }
}

/// A file of a report version.
#[derive(Clone, Debug, SimpleObject)]
pub struct Artifact {
    /// File name, without path.
    pub name: String,
    /// What kind of file: `csv`, `pdf`, ….
    pub format: String,
    /// Digest of its bytes, hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub size_bytes: Count,
}

impl From<ArtifactRef> for Artifact {
    fn from(artifact: ArtifactRef) -> Self {
        Self {
            name: artifact.name,
            format: artifact.format.to_string(),
            sha256: artifact.sha256.to_string(),
            size_bytes: Count(i64::try_from(artifact.size_bytes).unwrap_or(i64::MAX)),
        }
    }
}

/// Considered pairs that led to no delivery, for one reason.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReasonCount {
    /// Why not.
    pub reason: NotPlannedReason,
    /// How many.
    pub count: Count,
}

/// How deliveries stand: scheduled = open + delivered + accepted + deadLettered + cancelled + expired + suppressed.
#[derive(Clone, Debug, SimpleObject)]
pub struct OutcomeSums {
    /// Deliveries in all.
    pub scheduled: Count,
    /// Of them not closed.
    pub open: Count,
    /// Attempts begun.
    pub attempts: Count,
    /// The receiver confirmed it.
    pub delivered: Count,
    /// Handed over. Bounced ones are among them.
    pub accepted: Count,
    /// Given up.
    pub dead_lettered: Count,
    /// Called off.
    pub cancelled: Count,
    /// Too late.
    pub expired: Count,
    /// Held back by a rule at the moment of sending.
    pub suppressed: Count,
    /// Of the accepted ones: came back.
    pub bounced: Count,
    /// When the first was closed.
    pub first_closed_at: Option<Instant>,
    /// When the last was closed.
    pub last_closed_at: Option<Instant>,
}

impl From<Sums> for OutcomeSums {
    fn from(sums: Sums) -> Self {
        Self {
            scheduled: Count(sums.scheduled),
            open: Count(sums.open),
            attempts: Count(sums.attempts),
            delivered: Count(sums.delivered),
            accepted: Count(sums.accepted),
            dead_lettered: Count(sums.dead_lettered),
            cancelled: Count(sums.cancelled),
            expired: Count(sums.expired),
            suppressed: Count(sums.suppressed),
            bounced: Count(sums.bounced),
            first_closed_at: sums.first_closed_at.map(Into::into),
            last_closed_at: sums.last_closed_at.map(Into::into),
        }
    }
}

/// How deliveries on one channel stand.
#[derive(Clone, Debug, SimpleObject)]
pub struct ChannelOutcomes {
    /// On which channel.
    pub channel: Channel,
    /// Whether these are resends, which the run's sums leave out.
    pub resends: bool,
    /// How they stand.
    pub sums: OutcomeSums,
}

/// Which distributions.
#[derive(Clone, Debug, Default, InputObject)]
pub struct DistributionFilter {
    /// Only of this report.
    pub report: Option<ID>,
    /// Only of the version of this name.
    pub version: Option<String>,
    /// Those not yet reconciled, or those that are.
    pub open: Option<bool>,
    /// Received at or after.
    pub received_from: Option<Instant>,
    /// Received before.
    pub received_until: Option<Instant>,
}

impl DistributionFilter {
    /// The same question of one tenant's read model.
    #[must_use]
    pub fn of(self, tenant: &TenantId) -> queries::DistributionFilter {
        queries::DistributionFilter {
            tenant: tenant.to_string(),
            report: self.report.map(|report| report.0),
            version: self.version,
            open: self.open,
            received_from: self.received_from.map(|at| at.0.to_chrono()),
            received_until: self.received_until.map(|at| at.0.to_chrono()),
        }
    }
}

/// By what distributions are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
pub enum DistributionSort {
    /// As the log took them.
    #[default]
    Position,
    /// By the clock of the node that took them.
    ReceivedAt,
    /// By when they were reconciled; open ones are left out of the pages and of the count.
    ReconciledAt,
}

impl From<DistributionSort> for queries::DistributionSort {
    fn from(sort: DistributionSort) -> Self {
        match sort {
            DistributionSort::Position => Self::Position,
            DistributionSort::ReceivedAt => Self::ReceivedAt,
            DistributionSort::ReconciledAt => Self::ReconciledAt,
        }
    }
}
