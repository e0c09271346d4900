//! How a reactor's command reaches the ledger.

use aggregates::Decider;
use followers::FollowerError;
use schema::{Actor, LedgerEvent, Metadata, Position, RecordedEvent, Sha256, StreamId, TenantId};
use store::{AddressChange, Append, AppendError, Ledger, Unit};

/// How often a command is decided anew because someone else wrote to its stream first.
const CONFLICT_LIMIT: u32 = 8;

/// The id of what a reactor does because of the event at `position`: the same each time it comes by.
pub(crate) fn command_id(reactor: &str, position: Position) -> String {
    Sha256::of(format!("{reactor}\n{position}").as_bytes()).to_string()
}

/// What a reactor wants of a stream because of an event.
pub(crate) struct Wish {
    pub reactor: &'static str,
    pub tenant: TenantId,
    pub stream: StreamId,
    /// The event that makes it necessary.
    pub because: Position,
    pub addresses: Vec<AddressChange>,
}

impl Wish {
    /// The unit with `events`, decided on the stream at `expected`.
    pub(crate) fn unit(&self, expected: i64, events: Vec<LedgerEvent>) -> Unit {
        let mut metadata = Metadata::new(self.tenant.clone(), Actor::new("reactor", self.reactor));
        metadata.causation = Some(self.because.to_string());
        metadata.command = Some(command_id(self.reactor, self.because));
        let mut unit = Unit::new(metadata);
        unit.appends.push(Append { stream: self.stream.clone(), expected, events });
        unit.addresses.clone_from(&self.addresses);
        unit
    }
}

/// Folds the stream, decides and appends, again when someone else was faster. `command` says what to ask for in that
/// state: nothing, when it is not called for any more, so that a replay repeats nothing.
pub(crate) async fn carry_out<D>(
    ledger: &Ledger,
    wish: &Wish,
    of: impl Fn(&RecordedEvent) -> Option<&D::Event>,
    command: impl Fn(&D::State) -> Option<D::Command>,
) -> Result<(), FollowerError>
where
    D: Decider,
    LedgerEvent: From<D::Event>,
{
    for _ in 0..CONFLICT_LIMIT {
        let past = ledger.load_stream(&wish.stream, 0).await?;
        let state = aggregates::fold::<D>(past.iter().filter_map(&of));
        let Some(command) = command(&state) else { return Ok(()) };
        let events = D::decide(&state, command).map_err(FollowerError::refused)?;
        if events.is_empty() {
            return Ok(());
        }
        let expected = past.last().map_or(0, |event| event.sequence);
        let unit = wish.unit(expected, events.into_iter().map(LedgerEvent::from).collect());
        match ledger.append(unit).await {
            Ok(_) => return Ok(()),
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(FollowerError::again(format!("stream {} keeps moving on", wish.stream)))
}

/// Whether an append may work later.
pub(crate) fn failed(error: AppendError) -> FollowerError {
    match error {
        AppendError::Rejected(_) | AppendError::TooLarge { .. } => FollowerError::refused(error),
        AppendError::Conflict { .. } | AppendError::CommandSeen { .. } | AppendError::Store(_) => {
            FollowerError::again(error)
        }
    }
}
