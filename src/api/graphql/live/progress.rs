use async_graphql::{Context, ID, SimpleObject};
use futures::{Stream, stream};
use projections::distributions::queries as distributions;
use schema::{DistributionId, TenantId};
use store::LogRow;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::deliveries::{delivery_of, prefix};
use super::feed::{Feed, Step};
use crate::graphql::fault::{Fault, FaultCode};
use crate::graphql::limits::PROGRESS_EVERY;
use crate::graphql::nodes::Distribution;
use crate::graphql::scalars::LogPosition;
use crate::graphql::session::{Session, await_position};
use crate::state::ApiState;

/// What a snapshot is read from.
const MODELS: [&str; 2] = ["deliveries", "distributions"];

/// How a distribution stood at a position.
#[derive(Clone, Debug, SimpleObject)]
pub struct DistributionProgress {
    /// Everything up to here is in it.
    pub position: LogPosition,
    /// The distribution.
    pub distribution: Distribution,
}

/// How a distribution stands, now and whenever it has changed, until it is reconciled.
///
/// # Errors
/// Not found; bad input when the id is no UUID.
pub(super) async fn snapshots(
    ctx: &Context<'_>,
    feed: Feed,
    id: &ID,
) -> Result<impl Stream<Item = Result<DistributionProgress, Fault>> + use<>, Fault> {
    let session = Session::of(ctx)?;
    let distribution = id.parse::<DistributionId>()?.as_uuid();
    session.wait().await?;
    let (api, tenant) = (session.api().clone(), session.tenant().clone());
    let run = Run { api, tenant, distribution };
    let prefix = prefix(run.read().await?.received_at.0.unix_millis());
    let progress = Progress { run, feed, prefix, changed: true, not_before: Instant::now() };
    Ok(stream::unfold(Some(progress), |progress| async move {
        let mut progress = progress?;
        match progress.next().await {
            Ok(told) => {
                let ended = told.distribution.reconciled_at.is_some();
                Some((Ok(told), (!ended).then_some(progress)))
            }
            Err(fault) => Some((Err(fault), None)),
        }
    }))
}

struct Run {
    api: ApiState,
    tenant: TenantId,
    distribution: Uuid,
}

impl Run {
    async fn read(&self) -> Result<Distribution, Fault> {
        let ids = [self.distribution];
        let rows = distributions::by_ids(&self.api.reads, self.tenant.as_str(), &ids).await?;
        let missing = || {
            Fault::new(
                FaultCode::NotFound,
                format!("there is no distribution {}", self.distribution),
            )
        };
        rows.into_iter().next().ok_or_else(missing)?.try_into()
    }
}

struct Progress {
    run: Run,
    feed: Feed,
    prefix: [u8; 6],
    changed: bool,
    not_before: Instant,
}

impl Progress {
    async fn next(&mut self) -> Result<DistributionProgress, Fault> {
        loop {
            if self.changed && Instant::now() >= self.not_before {
                return self.snapshot().await;
            }
            tokio::select! {
                step = self.feed.next() => match step? {
                    Step::Rows(rows) => {
                        self.changed |= rows.iter().any(|row| self.speaks_of_it(row));
                    }
                    // A snapshot misses nothing: it is read anew.
                    Step::Lagged => {
                        self.feed.skip_to_end();
                        self.changed = true;
                    }
                },
                () = sleep_until(self.not_before), if self.changed => {}
            }
        }
    }

    async fn snapshot(&mut self) -> Result<DistributionProgress, Fault> {
        let position = await_position(&self.run.api, &MODELS, self.feed.last()).await?;
        let distribution = self.run.read().await?;
        self.changed = false;
        self.not_before = Instant::now() + PROGRESS_EVERY;
        Ok(DistributionProgress { position: LogPosition(position), distribution })
    }

    /// Deliveries of the run begin with its version's time. Another run of the same millisecond makes one snapshot too
    /// many.
    fn speaks_of_it(&self, row: &LogRow) -> bool {
        match row.aggregate_type.as_str() {
            "distribution" => row.aggregate_id == self.run.distribution.to_string(),
            _ => delivery_of(row).is_some_and(|id| id.as_bytes().starts_with(&self.prefix)),
        }
    }
}
