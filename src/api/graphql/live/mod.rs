//! What happens, as it happens: streams fed by the log's tail. Each can be resumed behind a position without gap or
//! repetition; whoever cannot keep up is told the last position it was given, never silently left out.

mod deliveries;
mod events;
mod feed;
mod inbox;
mod progress;

use async_graphql::{Context, ID, Subscription};
use futures::Stream;
use schema::events::Scope;

use super::access::forbidden;
use super::fault::Fault;
use super::limits::MAX_LIST_ARGUMENT;
use super::scalars::LogPosition;
use super::session::Session;

pub use deliveries::DeliveryChange;
pub use events::LogEvent;
pub use inbox::InboxUpdate;
pub use progress::DistributionProgress;

use feed::Feed;

/// What can be listened to.
pub struct LiveUpdates;

/// What can be listened to, over graphql-transport-ws at `/graphql/ws`. A stream that ends with the code
/// `SLOW_CONSUMER` or `UNAVAILABLE` names the last position it gave out: ask again with `after` set to it.
#[Subscription]
impl LiveUpdates {
    /// Every event of one delivery, or of all deliveries of one distribution. `after` replays those behind that
    /// position first.
    async fn delivery_changed(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        distribution: Option<ID>,
        after: Option<LogPosition>,
    ) -> Result<impl Stream<Item = Result<DeliveryChange, Fault>> + use<>, Fault> {
        let changes = async {
            let wanted = deliveries::Wanted::of(ctx, id, distribution).await?;
            Ok(deliveries::changes(Feed::start(ctx, after).await?, wanted))
        };
        begin(ctx, Scope::Read, changes).await
    }

    /// How a distribution stands: now, then whenever it has changed, at most four times a second. Ends when it is
    /// reconciled.
    async fn distribution_progress(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<impl Stream<Item = Result<DistributionProgress, Fault>> + use<>, Fault> {
        let snapshots = async {
            let feed = Feed::start(ctx, None).await?;
            progress::snapshots(ctx, feed, &id).await
        };
        begin(ctx, Scope::Read, snapshots).await
    }

    /// Whatever happens in an inbox: what comes, what is read, acknowledged, put off, corrected or withdrawn. `after`
    /// replays what happened behind that position first. `recipient` may be left out by a recipient that signed in, and
    /// names none but itself; its stream ends when its token does.
    async fn inbox_updates(
        &self,
        ctx: &Context<'_>,
        recipient: Option<ID>,
        after: Option<LogPosition>,
    ) -> Result<impl Stream<Item = Result<InboxUpdate, Fault>> + use<>, Fault> {
        let updates = async {
            let caller = Session::of(ctx)?.caller();
            let recipient = caller.inbox_of(recipient.as_deref().map(String::as_str))?;
            let feed = Feed::start(ctx, after).await?;
            let listener = inbox::Listener::of(ctx, recipient, &feed).await?;
            Ok(inbox::updates(feed, listener))
        };
        let session = Session::of(ctx)?;
        match session.caller().recipient() {
            Some(_) => begin_own(session, updates).await,
            None => begin(ctx, Scope::Read, updates).await,
        }
    }

    /// Every event of the tenant, or those of the named types, as the log holds them: personal data stays sealed.
    /// `after` replays those behind that position first; 0 replays all.
    async fn events(
        &self,
        ctx: &Context<'_>,
        after: Option<LogPosition>,
        types: Option<Vec<String>>,
    ) -> Result<impl Stream<Item = Result<LogEvent, Fault>> + use<>, Fault> {
        let types = types.unwrap_or_default();
        if types.len() > MAX_LIST_ARGUMENT {
            return Err(Fault::bad_input(format!("types names at most {MAX_LIST_ARGUMENT}")));
        }
        let events = async { Ok(events::events(Feed::start(ctx, after).await?, types)) };
        begin(ctx, Scope::Audit, events).await
    }
}

/// Asked before a stream is made, within the bounds of a request; the guard asks again for each of its fields. What is
/// looked up now is not kept for later.
async fn begin<S>(
    ctx: &Context<'_>,
    scope: Scope,
    make: impl Future<Output = Result<S, Fault>>,
) -> Result<S, Fault> {
    let session = Session::of(ctx)?;
    if !session.caller().may(scope) {
        return Err(forbidden(scope));
    }
    begin_own(session, make).await
}

/// The same for what its caller may have without a scope.
async fn begin_own<S>(
    session: &Session,
    make: impl Future<Output = Result<S, Fault>>,
) -> Result<S, Fault> {
    session.forget();
    let stream = session.within(make).await??;
    session.goes_on();
    Ok(stream)
}
