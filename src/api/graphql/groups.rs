//! Questions about groups as they are now.

use async_graphql::{Context, ID, Object};
use projections::groups::{self, MemberFilter, queries};

use super::connection::{Connection, PageArguments, connection_of, page_cost};
use super::fault::Fault;
use super::loaders::GroupKey;
use super::nodes::{Group, GroupFilter, Member};
use super::query::count;
use super::scalars::LogPosition;
use super::session::Session;
use super::words::{MemberKind, SortOrder};

/// Recipients under one name.
#[derive(Default)]
pub struct Groups;

#[Object]
impl Groups {
    /// A group.
    async fn group(
        &self,
        ctx: &Context<'_>,
        id: ID,
        at_least_position: Option<LogPosition>,
    ) -> Result<Option<Group>, Fault> {
        let session = Session::of(ctx)?;
        session.reach(at_least_position).await?;
        session.rows().load_one(GroupKey(id.0)).await
    }

    /// Groups, newest first unless asked otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        filter: Option<GroupFilter>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Group>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let filter = filter.unwrap_or_default().of(session.tenant());
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = queries::page(pool, &filter, &request);
        let total = count(ctx, queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, |row| Ok(row.into()))
    }

    /// What a group holds itself, newest first unless asked otherwise. Members of groups in it are members, too.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn group_members(
        &self,
        ctx: &Context<'_>,
        group: ID,
        kind: Option<MemberKind>,
        #[graphql(default_with = "SortOrder::Descending")] order: SortOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<Member>, Fault> {
        let session = Session::of(ctx)?;
        let request = PageArguments { first, after, last, before }.request(order)?;
        let kind = kind.map(|kind| match kind {
            MemberKind::Recipient => groups::MemberKind::Recipient,
            MemberKind::Group => groups::MemberKind::Group,
        });
        let filter = MemberFilter { tenant: session.tenant().to_string(), group: group.0, kind };
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = queries::members(pool, &filter, &request);
        let total = count(ctx, queries::count_members(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        connection_of(page, total, |row| Ok(row.into()))
    }
}
