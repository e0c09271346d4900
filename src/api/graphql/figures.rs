//! Figures over the versions received within a span: the gates, and sums that reconcile.

use async_graphql::{Context, Enum, Object, SimpleObject};
use projections::distributions::rollups::{self, RollupBy as RowBy, RollupRow};

use super::fault::Fault;
use super::scalars::{Count, Instant, LogPosition};
use super::session::Session;
use crate::figures::{self, gates_of, span_of};

/// Rows of one answer at most.
const MAX_ROWS: u32 = 1_000;

/// Questions about how well it goes.
#[derive(Default)]
pub struct Figures;

/// A gate: what it counts, over what, what is left out, whether it is met.
#[derive(Clone, Debug, SimpleObject)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// What it says, in words.
    pub definition: String,
    /// What it is held against.
    pub target: String,
    /// How many are as they should be.
    pub numerator: Count,
    /// Of how many.
    pub denominator: Count,
    /// The percentile in milliseconds, where the gate is one.
    pub value_ms: Option<f64>,
    /// `met`, `missed`, or `no_data` where there is nothing to judge.
    pub verdict: String,
    /// What the denominator leaves out, by class.
    pub excluded: Vec<ClassCount>,
}

/// How many of one class.
#[derive(Clone, Debug, SimpleObject)]
pub struct ClassCount {
    /// The class.
    pub class: String,
    /// How many.
    pub count: Count,
}

/// What sums are made for each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
pub enum RollupBy {
    /// All in one.
    Tenant,
    /// Each report.
    Report,
    /// Each distribution.
    Distribution,
    /// Each channel; pairs that never came to have one stand under `none`.
    Channel,
}

/// considered = planned + not planned; planned = outcomes + open. Resends are left out.
#[derive(Clone, Debug, SimpleObject)]
pub struct Rollup {
    /// A tenant, a report, a distribution's id, or a channel.
    pub key: String,
    /// Pairs of subscription and recipient looked at.
    pub considered: Count,
    /// Pairs that led to a delivery.
    pub planned: Count,
    /// Pairs that did not.
    pub not_planned: Count,
    /// Those, by reason.
    pub not_planned_by_reason: Vec<ClassCount>,
    /// Not closed.
    pub open: Count,
    /// Closed: the receiver confirmed it.
    pub delivered: Count,
    /// Closed: handed over. Bounced ones are among them.
    pub accepted: Count,
    /// Closed: given up.
    pub dead_lettered: Count,
    /// Closed: called off.
    pub cancelled: Count,
    /// Closed: too late.
    pub expired: Count,
    /// Closed: held back by a rule at the moment of sending.
    pub suppressed: Count,
    /// Of the accepted ones: came back.
    pub bounced: Count,
}

fn counts(counted: impl IntoIterator<Item = (String, i64)>) -> Vec<ClassCount> {
    let one = |(class, count)| ClassCount { class, count: Count(count) };
    counted.into_iter().map(one).collect()
}

impl From<figures::Gate> for Gate {
    fn from(gate: figures::Gate) -> Self {
        Self {
            name: gate.name.to_owned(),
            definition: gate.definition.to_owned(),
            target: gate.target.to_owned(),
            numerator: Count(gate.numerator),
            denominator: Count(gate.denominator),
            value_ms: gate.value_ms,
            verdict: gate.verdict.as_str().to_owned(),
            excluded: counts(gate.excluded),
        }
    }
}

impl From<RollupRow> for Rollup {
    fn from(row: RollupRow) -> Self {
        Self {
            open: Count(row.open()),
            key: row.key,
            considered: Count(row.considered),
            planned: Count(row.planned),
            not_planned: Count(row.not_planned),
            not_planned_by_reason: counts(row.not_planned_by.0),
            delivered: Count(row.delivered),
            accepted: Count(row.accepted),
            dead_lettered: Count(row.dead_lettered),
            cancelled: Count(row.cancelled),
            expired: Count(row.expired),
            suppressed: Count(row.suppressed),
            bounced: Count(row.bounced),
        }
    }
}

#[Object]
impl Figures {
    /// The gates over the versions received from `since`, 30 days before `until` when absent, until before `until`,
    /// now when absent.
    async fn gates(
        &self,
        ctx: &Context<'_>,
        since: Option<Instant>,
        until: Option<Instant>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Vec<Gate>, Fault> {
        let session = Session::of(ctx)?;
        let span = span_of(since.map(|at| at.0), until.map(|at| at.0))?;
        session.reach(at_least_position).await?;
        let gates = gates_of(session.api(), session.tenant().as_str(), span).await?;
        Ok(gates.into_iter().map(Into::into).collect())
    }

    /// Sums over the versions received in a span, as for `gates`, in the order of their keys: the first 1,000.
    async fn rollups(
        &self,
        ctx: &Context<'_>,
        by: RollupBy,
        since: Option<Instant>,
        until: Option<Instant>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Vec<Rollup>, Fault> {
        let session = Session::of(ctx)?;
        let (since, until) = span_of(since.map(|at| at.0), until.map(|at| at.0))?;
        session.reach(at_least_position).await?;
        let by = match by {
            RollupBy::Tenant => RowBy::Tenant,
            RollupBy::Report => RowBy::Report,
            RollupBy::Distribution => RowBy::Distribution,
            RollupBy::Channel => RowBy::Channel,
        };
        let within = (since.to_chrono(), until.to_chrono());
        let (pool, tenant) = (&session.api().reads, session.tenant().as_str());
        let rows = rollups::rollups(pool, tenant, by, within, MAX_ROWS).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
