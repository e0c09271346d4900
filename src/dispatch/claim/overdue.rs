use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aggregates::delivery::{Command, Delivery};
use rand::Rng;
use store::{Claimed, Due, QueueChange, Unit};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{HeldBack, Queue};
use crate::Dispatcher;
use crate::carried::Carried;

/// Pause between two looks at what is paused.
const EVERY: Duration = Duration::from_millis(500);
/// Rows of a lane looked at each time.
const ROWS: u32 = 500;
/// A paused row is not looked at again before this long: each gets its turn. After a resume it may be late by as much.
const NEXT_LOOK_MS: u64 = 5_000;

/// Deadlines go on while sends are paused: expires what is held back for too long. Claims leave paused rows out, so
/// this looks at them apart, while there are any.
pub(crate) async fn expire_paused(
    dispatcher: &Arc<Dispatcher>,
    held_back: &HeldBack,
    cancel: &CancellationToken,
) {
    while cancel.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        if !held_back.anything_paused() {
            continue;
        }
        for queue in Queue::all() {
            let request = queue.request(ROWS, dispatcher.lease_ms);
            let look = |rows: Vec<Claimed>| {
                rows.into_iter().filter_map(|claimed| look_at(dispatcher, claimed)).collect()
            };
            if let Err(error) = dispatcher.ledger.claim(&request, look).await {
                warn!(%error, "paused deliveries cannot be looked at: {error}");
            }
        }
    }
}

fn look_at(dispatcher: &Dispatcher, claimed: Claimed) -> Option<Unit> {
    let mut carried = Carried::from_claimed(&claimed).ok()??;
    let Claimed { row, due_at, now, .. } = claimed;
    let id = row.delivery;
    let mut unit = carried.unit(&dispatcher.actor);
    let deadline = carried.state.plan()?.deadline;
    let command = match &carried.state {
        Delivery::Attempting { course } => {
            let draw = rand::rng().random();
            Some(Command::LoseAttempt { attempt: course.attempts, now, draw })
        }
        _ if now >= deadline => Some(Command::Expire { attempt: None, now }),
        _ => None,
    };
    if let Some(command) = command {
        let step = carried.step(command, &mut unit, dispatcher.lease_ms);
        let failed = |error: &_| error!(%error, "delivery {id} is left as it is: {error}");
        return step.inspect_err(failed).ok().map(|()| unit);
    }
    let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
    let is_paused = index.paused(&row.tenant, row.channel, &row.destination).is_some();
    let again = if is_paused { now.plus_ms(NEXT_LOOK_MS).min(deadline) } else { due_at };
    unit.queue.push(QueueChange::Put(row, Due::At(again)));
    Some(unit)
}
