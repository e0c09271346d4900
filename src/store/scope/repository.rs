use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use schema::StreamId;
use serde_json::Value;

use super::events::{from_framework, to_framework};
use super::{Cell, CommandScope, Stopped};
use crate::{Append, AppendError, Appended, Ledger, StoreError};

/// One run of one command, as the framework's repository. Positions are handed back through it, since the framework's
/// own answer has none.
pub(super) struct Run<'l> {
    ledger: &'l Ledger,
    pub(super) stream: &'l StreamId,
    scope: &'l CommandScope,
    pub(super) appended: Cell<Appended>,
    pub(super) stopped: Cell<Stopped>,
}

impl<'l> Run<'l> {
    pub const fn new(ledger: &'l Ledger, stream: &'l StreamId, scope: &'l CommandScope) -> Self {
        Self { ledger, stream, scope, appended: Cell::new(None), stopped: Cell::new(None) }
    }

    async fn load(&self, after: i64) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let events = self.ledger.load_stream(self.stream, after).await;
        let events = events.map_err(|error| self.failed(error.into()))?;
        if after == 0 && !self.scope.owns(self.stream, &events) {
            self.stop(Stopped::OtherTenant(self.stream.clone()));
            return Err(PersistenceError::OptimisticLockError);
        }
        let framework: Result<Vec<_>, StoreError> = events.iter().map(to_framework).collect();
        framework.map_err(|error| self.failed(error.into()))
    }

    async fn append(&self, events: &[SerializedEvent]) -> Result<Appended, AppendError> {
        let Some(first) = events.first() else { return Ok(Appended { events: Vec::new() }) };
        let expected = i64::try_from(first.sequence).unwrap_or(i64::MAX) - 1;
        let events = events.iter().map(from_framework).collect::<Result<_, _>>()?;
        let mut unit = self.scope.unit();
        unit.appends.push(Append { stream: self.stream.clone(), expected, events });
        self.scope.complete(&mut unit);
        self.ledger.append(unit).await
    }

    fn failed(&self, error: AppendError) -> PersistenceError {
        self.stop(Stopped::Append(error));
        PersistenceError::OptimisticLockError
    }
}

fn unused<T>(what: &'static str) -> Result<T, PersistenceError> {
    Err(PersistenceError::UnknownError(format!("{what} are not kept here").into()))
}

/// On the reference: neither the trait nor `Run`'s users are ours to change.
impl PersistedEventRepository for &Run<'_> {
    async fn get_events<A: Aggregate>(
        &self,
        _: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.load(0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        _: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.load(i64::try_from(last_sequence).unwrap_or(i64::MAX)).await
    }

    async fn get_snapshot<A: Aggregate>(
        &self,
        _: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        if snapshot.is_some() {
            return unused("snapshots");
        }
        let appended = self.append(events).await.map_err(|error| self.failed(error))?;
        *self.appended.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(appended);
        Ok(())
    }

    async fn stream_events<A: Aggregate>(&self, _: &str) -> Result<ReplayStream, PersistenceError> {
        unused("replay streams")
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        unused("replay streams")
    }
}
