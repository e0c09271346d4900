//! Plans anew what waits for its time when what that goes by has changed: a preference, a recipient's zone, a
//! calendar. Every node looks through what waits, once it has read of a change; who is first moves a delivery, and the
//! others find it moved. A claim asks again, so what is missed here is late but never at a time that was given up.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aggregates::delivery::{Command, Delivery, Lane};
use schema::ChannelKind;
use store::{AppendError, QueueRow};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Dispatcher;
use crate::carried::Carried;
use crate::claim::Queue;
use crate::clock::now;

/// Between looks whether anything has changed.
const EVERY: Duration = Duration::from_millis(250);
/// Deliveries looked at in one go.
const PAGE: u32 = 500;

/// Moves what waits, whenever something has changed, until `cancel`. Begins with one look at everything: nobody may
/// have been there when it changed.
pub(crate) async fn keep_times(dispatcher: &Arc<Dispatcher>, cancel: &CancellationToken) {
    let mut seen = None;
    while !cancel.is_cancelled() {
        let changes = changes(dispatcher);
        if seen != Some(changes) {
            match look_through(dispatcher, cancel).await {
                Ok(0) => seen = Some(changes),
                Ok(moved) => {
                    info!("{moved} deliveries that wait have another time now");
                    seen = Some(changes);
                }
                Err(error) => warn!(%error, "what waits cannot be planned anew yet: {error}"),
            }
        }
        let _ = cancel.run_until_cancelled(tokio::time::sleep(EVERY)).await;
    }
}

fn changes(dispatcher: &Dispatcher) -> u64 {
    dispatcher.index.read().unwrap_or_else(PoisonError::into_inner).timing_changes()
}

/// How many were moved.
async fn look_through(
    dispatcher: &Arc<Dispatcher>,
    cancel: &CancellationToken,
) -> Result<usize, AppendError> {
    let (lane, mut after, mut moved) = (Lane::First.number(), None, 0);
    while !cancel.is_cancelled() {
        let rows = dispatcher.ledger.queue_rows_waiting(lane, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.delivery);
        for row in rows {
            moved += usize::from(move_one(dispatcher, row).await?);
        }
    }
    Ok(moved)
}

/// Whether it has another time now.
async fn move_one(dispatcher: &Arc<Dispatcher>, row: QueueRow) -> Result<bool, AppendError> {
    let (id, channel) = (row.delivery, row.channel);
    let Some(mut carried) = Carried::from_row(row) else { return Ok(false) };
    let Delivery::Scheduled { plan } = &carried.state else { return Ok(false) };
    let again = {
        let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
        index.retimed(&carried.tenant, plan, now())
    };
    let Some(planned) = again else { return Ok(false) };
    let mut unit = carried.unit(&dispatcher.actor);
    let command = Command::Reschedule { planned };
    if let Err(error) = carried.step(command, &mut unit, dispatcher.lease_ms) {
        error!(%error, "delivery {id} keeps its time: {error}");
        return Ok(false);
    }
    match dispatcher.ledger.append(unit).await {
        Ok(_) => {
            wake(dispatcher, channel, &carried);
            Ok(true)
        }
        // Another node moved it, or it has begun.
        Err(AppendError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn wake(dispatcher: &Dispatcher, channel: ChannelKind, carried: &Carried) {
    if let Some(to_do) = carried.state.to_do() {
        dispatcher.bells.due(channel, to_do);
        dispatcher.bells.ring(Queue { lane: to_do.lane, channel });
    }
}
