//! What was so at a moment, as the log itself tells it. Reads no read model, opens nothing that is sealed; every answer
//! names its position.

mod decided;
mod moment;
mod standing;

use async_graphql::{Context, ID, Object};
use history::{Answer, Question, Subscribed, stream_of};
use schema::{AggregateType, StreamId};
use tokio::sync::Semaphore;

use self::decided::{Subscribers, Why};
use self::moment::{Moment, head};
use self::standing::{Difference, Standing};
use super::fault::Fault;
use super::limits::{DEFAULT_PAGE_ROWS, MAX_SUBSCRIBER_ROWS, PREFIX_COST};
use super::session::Session;
use super::words::HistoryKind;

/// A tenant's whole prefix is folded for so many answers at once; others wait, within their time.
static PREFIXES: Semaphore = Semaphore::const_new(2);

/// What was so, by the log.
#[derive(Default)]
pub struct Past;

#[Object]
impl Past {
    /// How a subscription, recipient, group, distribution or delivery stood at a moment. What never began, or is
    /// another tenant's, stood as unknown.
    #[graphql(complexity = "20 + child_complexity")]
    async fn as_of(
        &self,
        ctx: &Context<'_>,
        kind: HistoryKind,
        id: ID,
        moment: Moment,
    ) -> Result<Standing, Fault> {
        let session = Session::of(ctx)?;
        let stream = stream(session, kind, &id)?;
        let moment = moment.resolve(session).await?;
        let told = Answer::of(&session.api().ledger, session.tenant(), &stream, moment).await?;
        Ok(Standing::of(kind, told))
    }

    /// What changed of one between two moments, and by which events.
    #[graphql(complexity = "20 + 5 * child_complexity")]
    async fn difference(
        &self,
        ctx: &Context<'_>,
        kind: HistoryKind,
        id: ID,
        from: Moment,
        to: Moment,
    ) -> Result<Difference, Fault> {
        let session = Session::of(ctx)?;
        let stream = stream(session, kind, &id)?;
        let span = (from.resolve(session).await?, to.resolve(session).await?);
        let ledger = &session.api().ledger;
        let told = history::Difference::of(ledger, session.tenant(), &stream, span).await?;
        Ok(Difference::of(kind, told))
    }

    /// Who was subscribed to a report at a moment, in the order of recipients: `first` of them (50 unless asked, 1,000
    /// at most) behind `after`. Each page folds the tenant's subscriptions anew.
    #[graphql(
        complexity = "PREFIX_COST + usize::try_from(first.unwrap_or(50)).unwrap_or(0) * child_complexity"
    )]
    async fn subscribed_at(
        &self,
        ctx: &Context<'_>,
        report: ID,
        moment: Moment,
        first: Option<i32>,
        after: Option<ID>,
    ) -> Result<Subscribers, Fault> {
        let session = Session::of(ctx)?;
        let report = report.parse()?;
        let after = after.map(|after| after.parse()).transpose()?;
        let limit = limit(first)?;
        let moment = moment.resolve(session).await?;
        let _place = PREFIXES.acquire().await;
        let (ledger, tenant) = (&session.api().ledger, session.tenant());
        let page = (after.as_ref(), limit);
        Subscribers::of(Subscribed::of(ledger, tenant, &report, moment, page).await?)
    }

    /// Why a recipient got a report version, or did not: the decision on each of its subscriptions that was considered;
    /// when none was, what was so then. Null when no such version came in.
    #[graphql(complexity = "PREFIX_COST + 5 * child_complexity")]
    async fn why(
        &self,
        ctx: &Context<'_>,
        report: ID,
        version: String,
        recipient: ID,
    ) -> Result<Option<Why>, Fault> {
        let session = Session::of(ctx)?;
        let (report, version, recipient) = (report.parse()?, version.parse()?, recipient.parse()?);
        // The decisions' links lead to read models.
        session.reach(None).await?;
        let tenant = session.tenant();
        let question =
            Question { tenant, report: &report, version: &version, recipient: &recipient };
        let as_of = head(session, None).await?;
        let as_of = history::AsOf::Position(as_of).resolve(&session.api().ledger, as_of).await?;
        let _place = PREFIXES.acquire().await;
        let why = history::Why::of(&session.api().ledger, question, as_of).await?;
        Ok(why.map(Why::from))
    }
}

fn stream(session: &Session, kind: HistoryKind, id: &ID) -> Result<StreamId, Fault> {
    let kind = match kind {
        HistoryKind::Subscription => AggregateType::Subscription,
        HistoryKind::Recipient => AggregateType::Recipient,
        HistoryKind::Group => AggregateType::Group,
        HistoryKind::Distribution => AggregateType::Distribution,
        HistoryKind::Delivery => AggregateType::Delivery,
    };
    Ok(stream_of(session.tenant(), kind, id)?)
}

fn limit(first: Option<i32>) -> Result<usize, Fault> {
    let Some(first) = first else { return Ok(DEFAULT_PAGE_ROWS as usize) };
    let rows = usize::try_from(first).ok();
    rows.filter(|rows| (1..=MAX_SUBSCRIBER_ROWS).contains(rows)).ok_or_else(|| {
        let rule = format!("must be 1 to {MAX_SUBSCRIBER_ROWS}");
        schema::Invalid::new("first", &first.to_string(), rule).into()
    })
}
