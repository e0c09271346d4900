use std::sync::Arc;

use cqrs_es::Aggregate;
use schema::{Metadata, StreamId};

use crate::{AddressChange, Appended, CommandRecord, ExecuteError, Ledger, Unit};

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
}

impl Ledger {
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
        let _ = (stream, command, scope);
        Err(crate::StoreError::Closed.into())
    }

    /// How often [`Ledger::execute`] decides anew.
    pub const MAX_CONFLICTS: u32 = 5;
}
