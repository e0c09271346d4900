//! Inboxes, as GraphQL shows them: to a recipient that signed in its own, to a key with the scope `read` any.

mod entry;

use async_graphql::{Context, ID, Object};
use projections::inbox::{InboxFilter as RowFilter, queries};
use schema::{RecipientId, Severity};

use super::connection::{Connection, PageArguments, connection_of, page_cost};
use super::fault::Fault;
use super::query::count;
use super::scalars::LogPosition;
use super::session::Session;
use super::words::SortOrder;
use crate::{clock, entries};

pub use entry::{InboxCounts, InboxEntry, InboxFilter};

/// What came to inboxes.
#[derive(Default)]
pub struct Inbox;

#[Object]
impl Inbox {
    /// Entries of an inbox, newest first. `recipient` may be left out by a recipient that signed in, and names none but
    /// itself. Entries older than the installation keeps them are not shown.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "Relay's connections have four of them")]
    async fn inbox(
        &self,
        ctx: &Context<'_>,
        recipient: Option<ID>,
        filter: Option<InboxFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        at_least_position: Option<LogPosition>,
    ) -> Result<Connection<InboxEntry>, Fault> {
        let session = Session::of(ctx)?;
        let recipient = session.caller().inbox_of(recipient.as_deref().map(String::as_str))?;
        let request =
            PageArguments { first, after, last, before }.request(SortOrder::Descending)?;
        let filter = filter.unwrap_or_default().of(whole(session, &recipient));
        session.reach(at_least_position).await?;
        let pool = &session.api().reads;
        let page = queries::page(pool, &filter, &request);
        let total = count(ctx, queries::count(pool, &filter));
        let (page, total) = tokio::try_join!(page, total)?;
        let rows: Vec<_> = page.edges.iter().map(|edge| &edge.row).collect();
        let files = entries::files(session.api(), session.tenant(), &rows).await?;
        connection_of(page, total, |row| InboxEntry::of(row, &files))
    }

    /// How many entries of an inbox wait to be read. `recipient` as for `inbox`.
    async fn inbox_counts(
        &self,
        ctx: &Context<'_>,
        recipient: Option<ID>,
        at_least_position: Option<LogPosition>,
    ) -> Result<InboxCounts, Fault> {
        let session = Session::of(ctx)?;
        let recipient = session.caller().inbox_of(recipient.as_deref().map(String::as_str))?;
        session.reach(at_least_position).await?;
        counts(session, &recipient).await
    }
}

/// All of an inbox that is shown now.
pub(super) fn whole(session: &Session, recipient: &RecipientId) -> RowFilter {
    let now = clock::now();
    let since = session.api().inbox.shown_since(now).to_chrono();
    RowFilter::of(session.tenant().as_str(), recipient.as_str(), now.to_chrono(), since)
}

/// What waits in it.
pub(super) async fn counts(
    session: &Session,
    recipient: &RecipientId,
) -> Result<InboxCounts, Fault> {
    let whole = whole(session, recipient);
    Ok(queries::counts(&session.api().reads, &whole).await?.into())
}

impl InboxFilter {
    /// The same question of a recipient's whole inbox.
    fn of(self, whole: RowFilter) -> RowFilter {
        let severity = self.severity.map(Severity::from);
        RowFilter { unread: self.unread, severity, snoozed: self.snoozed, ..whole }
    }
}
