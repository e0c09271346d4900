//! cqrs-es over the ledger: one command on one stream. Knows the framework's traits, not what any aggregate decides.

mod events;
mod repository;

use std::sync::{Arc, Mutex, PoisonError};

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventStore};
use schema::{AggregateType, Metadata, RecordedEvent, StreamId};

use crate::{
    AddressChange, AppendError, Appended, CommandRecord, ExecuteError, Ledger, StoreError, Unit,
};
use repository::Run;

type Complete = Arc<dyn Fn(&mut Unit) + Send + Sync>;

/// What goes with the events of one command on one stream.
#[derive(Clone)]
pub struct CommandScope {
    /// Of the events.
    pub metadata: Metadata,
    /// Kept with them.
    pub command: Option<CommandRecord>,
    /// Written with them.
    pub addresses: Vec<AddressChange>,
    complete: Option<Complete>,
}

impl CommandScope {
    /// A scope with nothing but metadata.
    #[must_use]
    pub const fn new(metadata: Metadata) -> Self {
        Self { metadata, command: None, addresses: Vec::new(), complete: None }
    }

    /// Keeps the command's outcome with its events.
    #[must_use]
    pub fn with_command(mut self, command: CommandRecord) -> Self {
        self.command = Some(command);
        self
    }

    /// Changes the look-up by address with the events.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Vec<AddressChange>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Adds to the unit, once its events are known, what they make necessary: queue rows, the command's outcome, ….
    /// Called again on each retry after a conflict; also called when there are no events.
    #[must_use]
    pub fn completing(mut self, complete: impl Fn(&mut Unit) + Send + Sync + 'static) -> Self {
        self.complete = Some(Arc::new(complete));
        self
    }

    fn unit(&self) -> Unit {
        Unit {
            command: self.command.clone(),
            addresses: self.addresses.clone(),
            ..Unit::new(self.metadata.clone())
        }
    }

    fn complete(&self, unit: &mut Unit) {
        if let Some(complete) = &self.complete {
            complete(unit);
        }
    }

    /// Whether the stream, with its events so far, is the tenant's.
    fn owns(&self, stream: &StreamId, events: &[RecordedEvent]) -> bool {
        let tenant = &self.metadata.tenant;
        match events.first() {
            Some(first) => first.metadata.tenant == *tenant,
            // Ids chosen by people carry their tenant; a tenant's own stream, a run's and a delivery's do not.
            None => match stream.aggregate_type {
                AggregateType::ApiKey
                | AggregateType::Report
                | AggregateType::Recipient
                | AggregateType::Group
                | AggregateType::Subscription => stream
                    .aggregate_id
                    .split_once('/')
                    .is_some_and(|(owner, _)| owner == tenant.as_str()),
                AggregateType::Tenant | AggregateType::Distribution | AggregateType::Delivery => {
                    true
                }
            },
        }
    }
}

impl Ledger {
    /// How often [`Ledger::execute`] decides anew when someone else was faster.
    pub const MAX_CONFLICTS: u32 = 8;

    /// Carries out a command on one aggregate: loads it, lets it decide, appends what it decided. Tries again when
    /// someone else was faster, at most [`Ledger::MAX_CONFLICTS`] times. Returns the events and the stream's last
    /// sequence, also when there was nothing to do.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] is the aggregate's answer; the others are the world's.
    pub async fn execute<A>(
        &self,
        stream: &StreamId,
        command: A::Command,
        scope: CommandScope,
    ) -> Result<(Appended, i64), ExecuteError<A::Error>>
    where
        A: Aggregate<Services = ()>,
        A::Command: Clone + Send,
        A::Error: Send,
    {
        let mut conflicts = 0;
        loop {
            match self.execute_once::<A>(stream, command.clone(), &scope).await {
                Err(ExecuteError::Append(AppendError::Conflict { .. }))
                    if conflicts < Self::MAX_CONFLICTS =>
                {
                    conflicts += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn execute_once<A>(
        &self,
        stream: &StreamId,
        command: A::Command,
        scope: &CommandScope,
    ) -> Result<(Appended, i64), ExecuteError<A::Error>>
    where
        A: Aggregate<Services = ()>,
        A::Command: Send,
        A::Error: Send,
    {
        let run = Run::new(self, stream, scope);
        let store = PersistedEventStore::<_, A>::new_event_store(&run);
        let loaded = store.load_aggregate(&stream.aggregate_id).await;
        let mut context = loaded.map_err(|error| run.failure(error))?;
        let sink = EventSink::default();
        context.aggregate().handle(command, &(), &sink).await.map_err(ExecuteError::Refused)?;
        let events = sink.collect().await;
        let sequence = i64::try_from(context.current_sequence).unwrap_or(i64::MAX);
        if events.is_empty() {
            return self.nothing_to_do(scope).await.map(|appended| (appended, sequence));
        }
        let committed = store.commit(events, context, Default::default()).await;
        committed.map_err(|error| run.failure(error))?;
        let appended = run.appended.lock().unwrap_or_else(PoisonError::into_inner).take();
        let appended = appended.ok_or(StoreError::Closed)?;
        let sequence = appended.events.last().map_or(sequence, |event| event.sequence);
        Ok((appended, sequence))
    }

    /// The command changes no stream, but its outcome is kept.
    async fn nothing_to_do<E: std::error::Error>(
        &self,
        scope: &CommandScope,
    ) -> Result<Appended, ExecuteError<E>> {
        let mut unit = scope.unit();
        scope.complete(&mut unit);
        if unit == Unit::new(scope.metadata.clone()) {
            return Ok(Appended { events: Vec::new() });
        }
        Ok(self.append(unit).await?)
    }
}

/// What a run of the framework ended with: its own error is kept beside it, since the framework's cannot carry it.
#[derive(Debug)]
pub(crate) enum Stopped {
    Append(AppendError),
    OtherTenant(StreamId),
}

impl Run<'_> {
    fn failure<E: std::error::Error>(&self, error: AggregateError<E>) -> ExecuteError<E> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (stopped, error) {
            (Some(Stopped::Append(error)), _) => ExecuteError::Append(error),
            (Some(Stopped::OtherTenant(stream)), _) => ExecuteError::OtherTenant { stream },
            (None, AggregateError::UserError(refusal)) => ExecuteError::Refused(refusal),
            (None, error) => ExecuteError::Append(AppendError::Store(StoreError::Codec(
                schema::CodecError::Payload {
                    event_type: self.stream.to_string(),
                    source: serde::de::Error::custom(error),
                },
            ))),
        }
    }

    fn stop(&self, stopped: Stopped) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
    }
}

/// A cell that one run fills.
type Cell<T> = Mutex<Option<T>>;
