//! Questions over many deliveries, answered by DuckDB over the exported log and what lies beyond it. Each answer names
//! the position up to which it is true; each row what leads to its events.

mod asked;
mod rows;

use ::analytics::{
    AuditTrail, ChannelEffectiveness, Completeness, DeliveryList, DeliveryPerformance,
    FailureClusters, FailureList, OwnSql, Patterns, Question,
};
use analysis::{AnalysisError, Answer};
use async_graphql::{Context, ID, Object, OutputType, SimpleObject};
use serde::de::DeserializeOwned;

use self::asked::{first_of, of};
use self::rows::{
    AuditRow, ClosedDeliveryRow, CompletenessRow, EffectivenessRow, FailedAttemptRow,
    FailureClusterRow, PatternRow, PerformanceRow,
};
use super::fault::{Fault, FaultCode};
use super::scalars::{Json, LogPosition};
use super::session::Session;
use super::words::{FailureClass, Outcome};

pub use self::asked::{AnalyticsBy, AnalyticsFilter};

/// The standing questions, and a statement of one's own.
pub struct Analytics;

/// Rows with the position they were read at.
#[derive(SimpleObject)]
#[graphql(concrete(name = "AuditAnswer", params(AuditRow)))]
#[graphql(concrete(name = "PerformanceAnswer", params(PerformanceRow)))]
#[graphql(concrete(name = "EffectivenessAnswer", params(EffectivenessRow)))]
#[graphql(concrete(name = "PatternAnswer", params(PatternRow)))]
#[graphql(concrete(name = "FailureClusterAnswer", params(FailureClusterRow)))]
#[graphql(concrete(name = "CompletenessAnswer", params(CompletenessRow)))]
#[graphql(concrete(name = "ClosedDeliveryAnswer", params(ClosedDeliveryRow)))]
#[graphql(concrete(name = "FailedAttemptAnswer", params(FailedAttemptRow)))]
#[graphql(concrete(name = "SqlAnswer", params(Json)))]
pub struct Told<T: OutputType> {
    /// Up to which position of the log it is true.
    pub position: LogPosition,
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there were more.
    pub is_cut: bool,
}

/// The standing questions. Times are UTC; resends are left out, as they are from a distribution's sums. Percentiles are
/// by the nearest rank.
#[Object]
impl Analytics {
    /// Events, oldest first. Page by `after`: the last row's position.
    #[expect(clippy::too_many_arguments, reason = "each narrows the question")]
    async fn audit_trail(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
        actor: Option<String>,
        event_type: Option<String>,
        stream: Option<String>,
        after: Option<LogPosition>,
        first: Option<u32>,
    ) -> Result<Told<AuditRow>, Fault> {
        let (filter, after, limit) = (of(filter), after.unwrap_or(START).0, first_of(first)?);
        let asked = AuditTrail { filter, actor, event_type, stream, after, limit };
        ask(ctx, asked).await
    }

    /// How deliveries ended and how long they took: in all, or for each channel, report, destination, hour of closing.
    async fn delivery_performance(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
        #[graphql(default)] by: Vec<AnalyticsBy>,
        first: Option<u32>,
    ) -> Result<Told<PerformanceRow>, Fault> {
        let (filter, by, limit) = (of(filter), asked::by(by), first_of(first)?);
        ask(ctx, DeliveryPerformance { filter, by, limit }).await
    }

    /// How well each channel works. Intervals are Wilson's at 95 %; `adjustedRate` is what the rate would be if the
    /// channel had all deliveries' mix of reports (direct standardisation), `coverage` the share of it that it has.
    async fn channel_effectiveness(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
    ) -> Result<Told<EffectivenessRow>, Fault> {
        ask(ctx, ChannelEffectiveness { filter: of(filter) }).await
    }

    /// Hour of day × day of week at which versions came in (1 is Monday).
    async fn patterns(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
    ) -> Result<Told<PatternRow>, Fault> {
        ask(ctx, Patterns { filter: of(filter) }).await
    }

    /// Where and when attempts fail alike: class × destination × hour, the largest first.
    async fn failure_clusters(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
        first: Option<u32>,
    ) -> Result<Told<FailureClusterRow>, Fault> {
        ask(ctx, FailureClusters { filter: of(filter), limit: first_of(first)? }).await
    }

    /// The sums of each distribution, newest first: considered = planned + not planned, planned = outcomes + open.
    async fn completeness(
        &self,
        ctx: &Context<'_>,
        report: Option<ID>,
        version: Option<ID>,
        #[graphql(default)] unclosed_only: bool,
        first: Option<u32>,
    ) -> Result<Told<CompletenessRow>, Fault> {
        let (report, version) = (report.map(|id| id.0), version.map(|id| id.0));
        ask(ctx, Completeness { report, version, unclosed_only, limit: first_of(first)? }).await
    }

    /// The closed deliveries behind a number. Page by `after`: the last row's position.
    async fn closed_deliveries(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
        outcome: Option<Outcome>,
        distribution: Option<ID>,
        after: Option<LogPosition>,
        first: Option<u32>,
    ) -> Result<Told<ClosedDeliveryRow>, Fault> {
        let outcome = outcome.map(|outcome| outcome.as_str().to_owned());
        let (filter, distribution) = (of(filter), distribution.map(|id| id.0));
        let (after, limit) = (after.unwrap_or(START).0, first_of(first)?);
        ask(ctx, DeliveryList { filter, outcome, distribution, after, limit }).await
    }

    /// The failed and doubtful attempts behind a number. Page by `after`: the last row's position.
    async fn failed_attempts(
        &self,
        ctx: &Context<'_>,
        filter: Option<AnalyticsFilter>,
        class: Option<FailureClass>,
        after: Option<LogPosition>,
        first: Option<u32>,
    ) -> Result<Told<FailedAttemptRow>, Fault> {
        let class = class.map(|class| class.as_str().to_owned());
        let (filter, after, limit) = (of(filter), after.unwrap_or(START).0, first_of(first)?);
        ask(ctx, FailureList { filter, class, after, limit }).await
    }

    /// One select statement of your own over the tables `events`, `deliveries`, `attempts`, `evidence` and `slices` of
    /// your tenant. It reads nothing else, and is ended when it takes too long or too much memory.
    async fn sql(&self, ctx: &Context<'_>, statement: String) -> Result<Told<Json>, Fault> {
        let Answer { position, rows, is_cut, .. } = answer(ctx, OwnSql(statement)).await?;
        let rows = rows.into_iter().map(Json).collect();
        Ok(Told { position: LogPosition(position), rows, is_cut })
    }
}

const START: LogPosition = LogPosition(schema::Position::START);

async fn ask<T: DeserializeOwned + OutputType>(
    ctx: &Context<'_>,
    question: impl Into<Question>,
) -> Result<Told<T>, Fault> {
    let Answer { position, rows, is_cut, .. } = answer(ctx, question).await?;
    let rows = rows.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    let rows = rows.map_err(|error| Fault::internal(&format!("a row of analytics: {error}")))?;
    Ok(Told { position: LogPosition(position), rows, is_cut })
}

async fn answer(ctx: &Context<'_>, question: impl Into<Question>) -> Result<Answer, Fault> {
    let session = Session::of(ctx)?;
    let api = session.api();
    let head = *api.tail.head().borrow();
    Ok(api.analyst.ask(session.tenant(), head, question).await?)
}

impl From<AnalysisError> for Fault {
    fn from(error: AnalysisError) -> Self {
        match error {
            AnalysisError::Refused { reason } => Self::bad_input(reason),
            AnalysisError::TooSlow { .. } => Self::too_complex(error.to_string()),
            // What DuckDB lacks is the asker's to know: a smaller question may have an answer.
            AnalysisError::Failed { .. }
            | AnalysisError::NoProgram { .. }
            | AnalysisError::NotExported { .. } => {
                tracing::warn!("a question of analytics has no answer: {error}");
                Self::new(FaultCode::Unavailable, error.to_string())
            }
            AnalysisError::Export(_) => Self::unavailable(&error.to_string()),
            AnalysisError::Ledger(error) => error.into(),
        }
    }
}
