//! A denial counts only once this node knows all that the one knew who planned the delivery: until the routing index
//! has read the log up to where it ended after the row was seen, it may only be behind.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aggregates::delivery::Command;
use aggregates::routing::Denied;
use futures::future::join_all;
use schema::Position;
use store::{AppendError, Due, QueueChange};
use tracing::{error, warn};

use crate::Dispatcher;
use crate::carried::Carried;
use crate::clock::now;

/// A row whose denial is being confirmed is not looked at again before this long.
pub(super) const SET_ASIDE_MS: u64 = 2_000;
/// Confirming takes no longer than this, so that the row is still set aside when its end is written.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(1_000);
/// Between looks at how far the index is.
const LOOK: Duration = Duration::from_millis(2);

/// Asks again for each of these once the index is up to date: closes what is still denied, and puts back what is not.
/// What fails or takes too long comes back by itself.
pub(super) async fn confirm(dispatcher: Arc<Dispatcher>, denied: Vec<Carried>) {
    let since = Instant::now();
    let head = match dispatcher.ledger.head().await {
        Ok(head) => head,
        Err(error) => return warn!(%error, "denials cannot be confirmed: {error}"),
    };
    while read_at(&dispatcher) < head {
        if since.elapsed() > CONFIRMED_WITHIN {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    join_all(denied.into_iter().map(|carried| settle(&dispatcher, carried))).await;
}

fn read_at(dispatcher: &Dispatcher) -> Position {
    dispatcher.index.read().unwrap_or_else(PoisonError::into_inner).read_at()
}

async fn settle(dispatcher: &Dispatcher, mut carried: Carried) {
    let id = carried.delivery;
    let Some(plan) = carried.state.plan() else { return };
    let answer = {
        let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
        index.authorise(&carried.tenant, plan, now())
    };
    let mut unit = carried.unit(&dispatcher.actor);
    let step = match answer {
        Err(denied) => carried.step(close(denied), &mut unit, dispatcher.lease_ms),
        Ok(_) => carried.row(dispatcher.lease_ms).map_err(Into::into).map(|row| {
            unit.queue.extend(row.map(|(row, _)| QueueChange::Put(row, Due::At(now()))));
        }),
    };
    if let Err(error) = step {
        return error!(%error, "delivery {id} is left as it is: {error}");
    }
    match dispatcher.ledger.append(unit).await {
        // Somebody else closed it, or took it up, meanwhile.
        Ok(_) | Err(AppendError::Conflict { .. }) => {}
        Err(error) => warn!(delivery.id = %id, %error, "delivery {id} is asked for again later"),
    }
}

/// How a denial closes a delivery.
pub(super) fn close(denied: Denied) -> Command {
    match denied {
        Denied::Cancel(reason) => Command::Cancel { attempt: None, reason },
        Denied::Suppress(reason) => Command::Suppress { attempt: None, reason },
    }
}
