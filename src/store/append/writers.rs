use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::gauge;
use secrecy::ExposeSecret;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::session::Session;
use super::split::same;
use super::writer::Writer;
use super::{Encoded, MAX_EVENTS};
use crate::ledger::Announcer;
use crate::{AppendError, Appended, LedgerConfig, StoreError, connect};

/// A unit and who waits for it.
pub(super) struct Waiting {
    pub unit: Encoded,
    pub since: Instant,
    pub answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// What waits, for whichever writer is free first.
pub(super) struct Line {
    units: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
    closed: CancellationToken,
    give_up: Duration,
}

/// The connections that commit batches.
pub(crate) struct Writers {
    line: Arc<Line>,
    slots: Arc<Semaphore>,
    running: tokio::sync::Mutex<JoinSet<()>>,
}

impl Writers {
    pub fn start(config: &LedgerConfig, announcer: &Arc<Announcer>) -> Result<Self, StoreError> {
        let line = Arc::new(Line {
            units: Mutex::new(VecDeque::new()),
            arrived: Notify::new(),
            closed: CancellationToken::new(),
            give_up: Duration::from_millis(config.give_up_ms),
        });
        let options = connect::options(config.url.expose_secret(), "waybill-write")?;
        let options = connect::by_index(options);
        let mut running = JoinSet::new();
        for _ in 0..config.connections.max(1) {
            let writer = Writer {
                line: Arc::clone(&line),
                session: Session::new(options.clone()),
                announcer: Arc::clone(announcer),
                batch_timeout: Duration::from_millis(config.batch_timeout_ms),
            };
            running.spawn(writer.run());
        }
        let slots = Arc::new(Semaphore::new(config.max_pending.max(1) as usize));
        Ok(Self { line, slots, running: tokio::sync::Mutex::new(running) })
    }

    /// The right to wait in line: its bound.
    pub async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Puts a unit in line and waits until it is durable or refused.
    pub async fn write(&self, unit: Encoded) -> Result<Appended, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.line.push(Waiting { unit, since: Instant::now(), answer })?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Lets the writers finish what is in line, then ends them.
    pub async fn close(&self) {
        self.line.close();
        let mut running = self.running.lock().await;
        while running.join_next().await.is_some() {}
    }
}

impl Line {
    fn push(&self, waiting: Waiting) -> Result<(), StoreError> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.is_cancelled() {
            return Err(StoreError::Closed);
        }
        units.push_back(waiting);
        drop(units);
        self.arrived.notify_one();
        Ok(())
    }

    /// Under the lock, so that nothing is put in line after the last writer has looked.
    fn close(&self) {
        let units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.cancel();
        drop(units);
    }

    /// What waits, as much of it as one transaction takes; `None` when the line is closed and empty.
    pub async fn next_batch(&self) -> Option<Vec<Waiting>> {
        loop {
            let batch = self.take();
            if !batch.is_empty() {
                return Some(batch);
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                () = self.closed.cancelled() => {
                    let batch = self.take();
                    return (!batch.is_empty()).then_some(batch);
                }
            }
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        let mut weight = 0;
        let mut count = 0;
        for waiting in units.iter() {
            weight += waiting.unit.weight();
            if count > 0 && weight > MAX_EVENTS {
                break;
            }
            count += 1;
        }
        let batch = units.drain(..count).collect();
        if !units.is_empty() {
            // The rest is for another writer, if one is free.
            self.arrived.notify_one();
        }
        gauge!("waybill_append_waiting").set(units.len() as f64);
        batch
    }

    /// Whether whoever waits since then has waited long enough.
    pub fn is_over(&self, since: Instant) -> bool {
        since.elapsed() >= self.give_up
    }

    /// Answers those who have waited long enough for a database that is away. `false` when nobody can come any more.
    pub fn expire(&self, error: &sqlx::Error) -> bool {
        let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        while units.front().is_some_and(|waiting| self.is_over(waiting.since)) {
            if let Some(waiting) = units.pop_front() {
                drop(waiting.answer.send(Err(same(error).into())));
            }
        }
        !(units.is_empty() && self.closed.is_cancelled())
    }
}
