//! Makes what happened durable. Decides again when someone else was faster, waits while the ledger is away, and keeps
//! the outcome in memory until it is recorded or the node must go; then the end of the lease puts it in doubt.

use std::time::Duration;

use aggregates::delivery::Command;
use store::{AppendError, StoreError};
use tracing::{error, warn};

use crate::Dispatcher;
use crate::carried::{Carried, DecideError};

/// First pause after the ledger did not take an outcome.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Decide(#[from] DecideError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("the ledger has no such delivery")]
    NoStream,
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        Self::Append(error.into())
    }
}

impl RecordError {
    /// Whether waiting may help. A database that refuses for reasons of its own (read-only after a failover, a
    /// statement cancelled) takes the same later: an outcome thrown away would be sent again.
    const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Append(AppendError::Store(
                StoreError::Unavailable(_)
                    | StoreError::Database(_)
                    | StoreError::Standby
                    | StoreError::Closed
            ))
        )
    }
}

/// Records what `command` means for the delivery. Returns when that is durable, or can no longer be.
pub(crate) async fn record(dispatcher: &Dispatcher, mut carried: Carried, command: Command) {
    let id = carried.delivery;
    let mut pause = FIRST_PAUSE;
    let mut waiting = None;
    loop {
        let error = match try_record(dispatcher, &mut carried, &command).await {
            Ok(()) => {
                if let (Some(to_do), Some(plan)) = (carried.state.to_do(), carried.state.plan()) {
                    dispatcher.bells.due(plan.channel, to_do);
                }
                return;
            }
            Err(error) => error,
        };
        if !error.is_passing() {
            error!(delivery.id = %id, %error, "what became of delivery {id} is not recorded");
            return;
        }
        if waiting.is_none() {
            warn!(delivery.id = %id, %error, "what became of delivery {id} waits to be recorded");
            waiting = Some(dispatcher.unrecorded.wait());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            () = dispatcher.give_up.cancelled() => {
                error!(delivery.id = %id, "the node stops before delivery {id} is recorded");
                return;
            }
        }
    }
}

/// One try; on a conflict the delivery is read anew and decided on again.
async fn try_record(
    dispatcher: &Dispatcher,
    carried: &mut Carried,
    command: &Command,
) -> Result<(), RecordError> {
    loop {
        let mut after = carried.clone();
        let mut unit = carried.unit(&dispatcher.actor);
        after.step(command.clone(), &mut unit, dispatcher.lease_ms)?;
        if unit.appends.is_empty() {
            return Ok(());
        }
        match dispatcher.ledger.append(unit).await {
            Ok(_) => {
                *carried = after;
                return Ok(());
            }
            Err(AppendError::Conflict { .. }) => {
                let events = dispatcher.ledger.load_stream(&carried.stream(), 0).await?;
                *carried = Carried::from_stream(&events).ok_or(RecordError::NoStream)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
