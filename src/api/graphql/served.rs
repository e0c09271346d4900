//! Who was served with a version that was corrected or withdrawn.

use async_graphql::{Context, ID, Object};
use projections::deliveries::served::{self, ServedFilter};
use projections::{Page, distributions};
use schema::DistributionId;

use super::connection::{Connection, PageArguments, connection_of, page_cost};
use super::fault::Fault;
use super::nodes::Served;
use super::query::count;
use super::scalars::LogPosition;
use super::session::Session;
use super::words::SortOrder;

/// What got through.
#[derive(Default)]
pub struct WhoWasServed;

#[Object]
impl WhoWasServed {
    /// The deliveries of a distribution that got through, newest first unless asked otherwise, each with what corrects
    /// it for its recipient. `reached`: only those that a correction has reached, or only others.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn served(
        &self,
        ctx: &Context<'_>,
        distribution: ID,
        reached: Option<bool>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Served>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let id: DistributionId = distribution.parse()?;
        let (tenant, id) = (session.tenant().to_string(), id.as_uuid());
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let version = distributions::queries::by_ids(pool, &tenant, &[id]).await?;
        let Some(version) = version.first() else {
            let none: Page<Served> =
                Page { edges: Vec::new(), has_next: false, has_previous: false };
            return connection_of(none, 0, Ok);
        };
        let corrections = served::corrections_of(pool, version).await?;
        let filter = ServedFilter { tenant, distribution: id, corrections, reached };
        let page = served::page(pool, &filter, &request);
        let total = count(ctx, served::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, Served::try_from)
    }
}
