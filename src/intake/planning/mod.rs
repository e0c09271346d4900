//! Goes on with plans that one slice did not finish: a few distributions at once, each for a few slices, then the next
//! ones. Whatever stops it, the planning queue's row says where another node goes on.

mod rendering;
pub(crate) mod slice;
mod turn;

pub(crate) use turn::unfinished;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{Intake, ReceiveError, figures};

impl Intake {
    /// Plans what is unfinished until `cancel`; slices begun are finished first. Boot runs it once per node.
    pub async fn plan(self: Arc<Self>, cancel: CancellationToken) {
        let limit = self.config.planning_concurrency as usize;
        let poll = Duration::from_millis(self.config.planning_poll_ms);
        let mut turns = FuturesUnordered::new();
        let mut is_empty = false;
        while !cancel.is_cancelled() {
            if turns.len() < limit && !is_empty {
                match self.claim().await {
                    Ok(Some(row)) => turns.push(self.turn(row, &cancel)),
                    Ok(None) => is_empty = true,
                    Err(error) => {
                        warn!(%error, "the planning queue cannot be read; trying again");
                        is_empty = true;
                    }
                }
                figures::planning(turns.len());
                continue;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(result) = turns.next() => {
                    is_empty = result.is_err();
                    after_turn(result);
                }
                () = self.unfinished.notified() => is_empty = false,
                () = sleep(poll) => is_empty = false,
            }
        }
        while let Some(result) = turns.next().await {
            after_turn(result);
        }
        figures::planning(0);
    }

    async fn claim(&self) -> Result<Option<store::PlanningRow>, ReceiveError> {
        Ok(self.near.ledger.claim_planning(self.config.planning_lease_ms).await?)
    }
}

fn after_turn(result: Result<turn::Ended, ReceiveError>) {
    match result {
        Ok(ended) => debug!(?ended, "a plan went on"),
        // Its row's lease ends by itself; then someone tries again.
        Err(error) => warn!(%error, "a plan could not go on; it is tried again"),
    }
}
