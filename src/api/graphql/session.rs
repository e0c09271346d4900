//! Who asks, and what one operation has already looked up. Made anew for each operation, so that nothing of one caller
//! is ever found by another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::{Context, ServerError};
use followers::{Checkpoints, FollowersError};
use schema::{Position, TenantId};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::fault::{Fault, FaultCode};
use super::limits::ANSWER_TIMEOUT;
use super::loaders::{Gate, Lookup, Rows};
use super::scalars::LogPosition;
use crate::auth::Caller;
use crate::position::{AtLeast, check_written};
use crate::state::ApiState;

/// The read models that answers are made of, by their followers' names.
const READ_MODELS: [&str; 7] =
    ["tenants", "reports", "recipients", "subscriptions", "distributions", "deliveries", "inbox"];

/// One operation of one caller.
pub struct Session {
    api: ApiState,
    caller: Caller,
    gate: Arc<Gate>,
    rows: Lookup,
    at_least: AtLeast,
    read_at: Mutex<Option<Position>>,
    refused: Mutex<Vec<ServerError>>,
    places: Option<Arc<Semaphore>>,
    goes_on: AtomicBool,
}

impl Session {
    /// An operation of `caller`, who insists on having seen `at_least`. It takes its place among the requests under way
    /// from `places`, unless the request that brought it has one.
    #[must_use]
    pub fn new(
        api: &ApiState,
        caller: Caller,
        at_least: AtLeast,
        places: Option<Arc<Semaphore>>,
    ) -> Self {
        let gate = Arc::new(Gate::default());
        let rows = Rows::lookup(api.clone(), caller.tenant.clone(), &gate);
        let (read_at, refused) = (Mutex::default(), Mutex::default());
        let (api, goes_on) = (api.clone(), AtomicBool::new(false));
        Self { api, caller, gate, rows, at_least, read_at, refused, places, goes_on }
    }

    /// The session of a field's operation.
    ///
    /// # Errors
    /// Unauthenticated when nobody proved who they are.
    pub fn of<'c>(ctx: &Context<'c>) -> Result<&'c Self, Fault> {
        ctx.data_opt::<Self>().ok_or_else(Fault::unauthenticated)
    }

    /// Who asks.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whose data may be seen.
    pub const fn tenant(&self) -> &TenantId {
        &self.caller.tenant
    }

    /// What answers are made of.
    pub const fn api(&self) -> &ApiState {
        &self.api
    }

    /// Looks things up in bulk.
    pub const fn rows(&self) -> &Lookup {
        &self.rows
    }

    /// What gathers look-ups while the answer is being made.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A stream looks things up anew each time.
    pub fn forget(&self) {
        self.rows.enable_all_cache(false);
    }

    /// The operation is a stream that has begun.
    pub fn goes_on(&self) {
        self.goes_on.store(true, Ordering::Relaxed);
    }

    /// Does `work` within the bounds of a request: it has a place among those under way, and so long and no longer. A
    /// stream that goes on waits for its place, anything else is shed.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Fault> {
        let patience = Duration::from_millis(self.api.config.request_timeout_ms);
        let patience = patience.min(ANSWER_TIMEOUT);
        let bounded = async {
            let _place = match &self.places {
                None => None,
                Some(places) if self.goes_on.load(Ordering::Relaxed) => places.acquire().await.ok(),
                Some(places) => Some(places.try_acquire().map_err(|_| too_many())?),
            };
            Ok(work.await)
        };
        timeout(patience, bounded).await.unwrap_or_else(|_| Err(too_slow(patience)))
    }

    /// Waits, within bounds, until every read model has reached what the operation or the field insists on. Notes the
    /// position that the field is then read at.
    ///
    /// # Errors
    /// Position not reached; unavailable.
    pub async fn reach(&self, at_least: Option<LogPosition>) -> Result<Position, Fault> {
        let wanted = self.at_least.0.max(at_least.map(|position| position.0));
        let reached = self.await_position(wanted.unwrap_or_default()).await?;
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        *read_at = Some(read_at.map_or(reached, |earlier| earlier.min(reached)));
        Ok(reached)
    }

    /// Waits, within bounds, until every read model has reached `wanted`; says which position all have reached.
    ///
    /// # Errors
    /// Position not reached; unavailable.
    async fn await_position(&self, wanted: Position) -> Result<Position, Fault> {
        await_position(&self.api, &READ_MODELS, wanted).await
    }

    /// Waits, within bounds, until every read model has reached what the operation insists on.
    ///
    /// # Errors
    /// Position not reached; unavailable.
    pub async fn wait(&self) -> Result<(), Fault> {
        self.await_position(self.at_least.0.unwrap_or_default()).await.map(|_| ())
    }

    /// How far each reader of the log has come.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(Arc::clone(&self.api.ledger))
    }

    /// A field was not answered; the answer goes on without it.
    pub fn refuse(&self, error: ServerError) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// What was not answered, since last asked.
    pub fn refusals(&self) -> Vec<ServerError> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on answers are read at `position`: a stream goes on.
    pub fn read_at(&self, position: Position) {
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
    }

    /// The position that the whole answer was read at: the lowest of its fields'.
    pub fn position(&self) -> Option<Position> {
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> Fault {
    let told = "too many requests are under way: nothing was done; try again";
    Fault::new(FaultCode::Unavailable, told)
}

/// An answer took too long.
#[must_use]
pub fn too_slow(patience: Duration) -> Fault {
    let told = format!("not answered within {} ms; ask for less", patience.as_millis());
    Fault::new(FaultCode::Unavailable, told)
}

/// Waits, within bounds, until these read models have reached `wanted`; says which position all of them have reached. A
/// checkpoint may lag for a moment behind events that do not concern it: streams name only the models they read.
///
/// # Errors
/// Bad input when the log itself has not come so far; position not reached; unavailable.
pub async fn await_position(
    api: &ApiState,
    models: &[&str],
    wanted: Position,
) -> Result<Position, Fault> {
    let checkpoints = Checkpoints::new(Arc::clone(&api.ledger));
    match checkpoints.await_position(models, wanted, Duration::ZERO).await {
        Err(FollowersError::NotReached(_)) => {}
        end => return Ok(end?),
    }
    check_written(api, wanted).await?;
    let patience = Duration::from_millis(api.config.position_wait_ms);
    Ok(checkpoints.await_position(models, wanted, patience).await?)
}
