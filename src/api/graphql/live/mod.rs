//! What happens, as it happens: streams fed by the log's tail. Each can be resumed behind a position without gap or
//! repetition; whoever cannot keep up is told the last position it was given, never silently left out.

mod deliveries;
mod events;
mod feed;
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
        begin(ctx, Scope::Read)?;
        let wanted = deliveries::Wanted::of(ctx, id, distribution).await?;
        Ok(deliveries::changes(Feed::start(ctx, after).await?, wanted))
    }

    /// How a distribution stands: now, then whenever it has changed, at most four times a second. Ends when it is
    /// reconciled.
    async fn distribution_progress(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<impl Stream<Item = Result<DistributionProgress, Fault>> + use<>, Fault> {
        begin(ctx, Scope::Read)?;
        let feed = Feed::start(ctx, None).await?;
        progress::snapshots(ctx, feed, &id).await
    }

    /// Every event of the tenant, or those of the named types, as the log holds them: personal data stays sealed.
    /// `after` replays those behind that position first; 0 replays all.
    async fn events(
        &self,
        ctx: &Context<'_>,
        after: Option<LogPosition>,
        types: Option<Vec<String>>,
    ) -> Result<impl Stream<Item = Result<LogEvent, Fault>> + use<>, Fault> {
        begin(ctx, Scope::Audit)?;
        let types = types.unwrap_or_default();
        if types.len() > MAX_LIST_ARGUMENT {
            return Err(Fault::bad_input(format!("types names at most {MAX_LIST_ARGUMENT}")));
        }
        Ok(events::events(Feed::start(ctx, after).await?, types))
    }
}

/// Asked before a stream is made; the guard asks again for each of its fields. What is looked up now is not kept for
/// later.
fn begin(ctx: &Context<'_>, scope: Scope) -> Result<(), Fault> {
    let session = Session::of(ctx)?;
    session.forget();
    if session.caller().may(scope) { Ok(()) } else { Err(forbidden(scope)) }
}
