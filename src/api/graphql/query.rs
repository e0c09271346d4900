//! The questions about what is so now. Reads only: there is no mutation here, commands go by REST.

use async_graphql::{Context, ID, Object};
use projections::{
    Edge, Order, Page, PageRequest, deliveries, distributions, recipients, reports, subscriptions,
    tenants,
};
use schema::{DeliveryId, DistributionId};

use super::analytics::Analytics;
use super::connection::{Connection, PageArguments, connection_of, page_cost};
use super::fault::Fault;
use super::loaders::{DeliveryKey, DistributionKey, RecipientKey, ReportKey, SubscriptionKey};
use super::nodes::{
    ChannelHealth, ChannelHealthFilter, Decision, DecisionFilter, Delivery, DeliveryFilter,
    DeliverySort, Distribution, DistributionFilter, DistributionSort, LogStatus, Recipient,
    RecipientFilter, Report, ReportFilter, Subscription, SubscriptionFilter, Tenant, Viewer,
};
use super::scalars::LogPosition;
use super::session::Session;
use super::words::SortOrder;
use crate::clock;

/// Rows of channel health in one answer at most.
const MAX_HEALTH_ROWS: u32 = 5_000;

/// What is so now, by the read models.
#[derive(Default)]
pub struct Now;

#[Object]
impl Now {
    /// Questions over many deliveries.
    async fn analytics(&self) -> Analytics {
        Analytics
    }

    /// A delivery.
    async fn delivery(
        &self,
        ctx: &Context<'_>,
        id: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Delivery>, Fault> {
        let id: DeliveryId = id.parse()?;
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(DeliveryKey(id.as_uuid())).await
    }

    /// Deliveries, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        filter: Option<DeliveryFilter>,
        #[graphql(default)] sort: DeliverySort,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Delivery>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let filter = filter.unwrap_or_default().of(session.tenant())?;
        let narrow = filter.recipient.is_some()
            || filter.distribution.is_some()
            || (filter.report.is_some() && filter.version.is_some());
        if sort == DeliverySort::ClosedAt && !narrow {
            let told = "the order closed_at needs a filter by distribution, by report and version, or by recipient";
            return Err(Fault::bad_input(told));
        }
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = deliveries::queries::page(pool, &filter, sort.into(), &request);
        let total = count(ctx, deliveries::queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, Delivery::try_from)
    }

    /// A distribution: the run that plans and delivers one report version.
    async fn distribution(
        &self,
        ctx: &Context<'_>,
        id: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Distribution>, Fault> {
        let id: DistributionId = id.parse()?;
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(DistributionKey(id.as_uuid())).await
    }

    /// Distributions, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn distributions(
        &self,
        ctx: &Context<'_>,
        filter: Option<DistributionFilter>,
        #[graphql(default)] sort: DistributionSort,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Distribution>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let mut filter = filter.unwrap_or_default().of(session.tenant());
        if sort == DistributionSort::ReconciledAt {
            filter.open = Some(false);
        }
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = distributions::queries::page(pool, &filter, sort.into(), &request);
        let total = count(ctx, distributions::queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, Distribution::try_from)
    }

    /// A kind of report.
    async fn report(
        &self,
        ctx: &Context<'_>,
        name: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Report>, Fault> {
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(ReportKey(name.0)).await
    }

    /// Kinds of reports, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn reports(
        &self,
        ctx: &Context<'_>,
        filter: Option<ReportFilter>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Report>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let filter = filter.unwrap_or_default().of(session.tenant());
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = reports::queries::page(pool, &filter, &request);
        let total = count(ctx, reports::queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, |row| Ok(row.into()))
    }

    /// A recipient.
    async fn recipient(
        &self,
        ctx: &Context<'_>,
        id: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Recipient>, Fault> {
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(RecipientKey(id.0)).await
    }

    /// Recipients, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn recipients(
        &self,
        ctx: &Context<'_>,
        filter: Option<RecipientFilter>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Recipient>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let filter = filter.unwrap_or_default().of(session.tenant());
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = recipients::queries::page(pool, &filter, &request);
        let total = count(ctx, recipients::queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, Recipient::try_from)
    }

    /// A subscription.
    async fn subscription(
        &self,
        ctx: &Context<'_>,
        id: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Subscription>, Fault> {
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(SubscriptionKey(id.0)).await
    }

    /// Subscriptions, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn subscriptions(
        &self,
        ctx: &Context<'_>,
        filter: Option<SubscriptionFilter>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Subscription>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let filter = filter.unwrap_or_default().of(session.tenant(), clock::now());
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = subscriptions::queries::page(pool, &filter, &request);
        let total = count(ctx, subscriptions::queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, Subscription::try_from)
    }

    /// Why recipients got a report version, or did not, in the order of decisions: name a run by `distribution`, or by
    /// `report` and `version`, and a recipient to ask about that one.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn decisions(
        &self,
        ctx: &Context<'_>,
        filter: DecisionFilter,
        #[graphql(default_with = "SortOrder::Ascending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Decision>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let (planned, against) = filter.of(session.tenant())?;
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let (mut pages, mut total) = (Vec::new(), 0);
        if let Some(filter) = planned {
            let sort = deliveries::DeliverySort::Position;
            let page = deliveries::queries::page(pool, &filter, sort, &request).await?;
            pages.push(decided(page)?);
            total += count(ctx, deliveries::queries::count(pool, &filter)).await?;
        }
        if let Some(filter) = against {
            pages.push(decided(
                distributions::queries::not_planned(pool, &filter, &request).await?,
            )?);
            total += count(ctx, distributions::queries::count_not_planned(pool, &filter)).await?;
        }
        connection_of(merged(pages, &request), total, Ok)
    }

    /// How the channels do: ended attempts by span of time, channel, destination and result, oldest first.
    #[graphql(complexity = "50 + 50 * child_complexity")]
    async fn channel_health(
        &self,
        ctx: &Context<'_>,
        filter: ChannelHealthFilter,
        at_least_position: Option<LogPosition>,
    ) -> Result<Vec<ChannelHealth>, Fault> {
        let session = Session::of(ctx)?;
        let minutes = filter.every_minutes;
        let filter = filter.of(session.tenant())?;
        session.reach(at_least_position).await?;
        let rows =
            deliveries::health::health(&session.api().reads, &filter, MAX_HEALTH_ROWS + 1).await?;
        if rows.len() > MAX_HEALTH_ROWS as usize {
            let told = format!(
                "more than {MAX_HEALTH_ROWS} rows: ask for less time, longer spans or one channel"
            );
            return Err(Fault::too_complex(told));
        }
        rows.into_iter().map(|row| ChannelHealth::of(row, minutes)).collect()
    }

    /// The caller's tenant.
    async fn tenant(
        &self,
        ctx: &Context<'_>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Tenant>, Fault> {
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        let row = tenants::queries::tenant(&session.api().reads, session.tenant().as_str()).await?;
        Ok(row.map(Into::into))
    }

    /// Who asks.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer, Fault> {
        Viewer::of(Session::of(ctx)?.caller())
    }

    /// How far the log is, and how far behind its readers are.
    async fn log_status(&self, ctx: &Context<'_>) -> Result<LogStatus, Fault> {
        let session = Session::of(ctx)?;
        let read_at = session.reach(None).await?;
        let tail = &session.api().tail;
        let head = *tail.head().borrow();
        Ok(LogStatus::new(head, read_at, session.checkpoints().status().await?))
    }
}

/// The length of a list, when the answer is to name it.
pub(super) async fn count(
    ctx: &Context<'_>,
    count: impl Future<Output = sqlx::Result<i64>>,
) -> Result<i64, sqlx::Error> {
    if ctx.look_ahead().field("totalCount").exists() { count.await } else { Ok(0) }
}

fn decided<R>(page: Page<R>) -> Result<Page<Decision>, Fault>
where
    Decision: TryFrom<R, Error = Fault>,
{
    let edges = page
        .edges
        .into_iter()
        .map(|edge| Ok(Edge { cursor: edge.cursor, row: Decision::try_from(edge.row)? }));
    let edges = edges.collect::<Result<_, Fault>>()?;
    Ok(Page { edges, has_next: page.has_next, has_previous: page.has_previous })
}

/// Pages of the same request over lists whose cursors share one order, as the page of both.
fn merged(pages: Vec<Page<Decision>>, request: &PageRequest) -> Page<Decision> {
    let limit = request.limit as usize;
    let mut has_next = pages.iter().any(|page| page.has_next);
    let mut has_previous = pages.iter().any(|page| page.has_previous);
    let mut edges: Vec<_> = pages.into_iter().flat_map(|page| page.edges).collect();
    edges.sort_by_key(|edge| edge.cursor);
    if request.order == Order::Descending {
        edges.reverse();
    }
    let surplus = edges.len().saturating_sub(limit);
    if request.from_end {
        has_previous |= surplus > 0;
        edges.drain(..surplus);
    } else {
        has_next |= surplus > 0;
        edges.truncate(limit);
    }
    Page { edges, has_next, has_previous }
}
