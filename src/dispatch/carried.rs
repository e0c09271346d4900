use aggregates::delivery::{self, Command, Delivery, Refusal, Rules};
use aggregates::{fold, run};
use schema::{Actor, DeliveryId, LedgerEvent, Metadata, RecordedEvent, StreamId, TenantId};
use store::{Append, Claimed, Due, QueueChange, QueueRow, Unit};

/// Why a command does not become a unit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideError {
    /// The delivery does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its state cannot be written down.
    #[error("the delivery's state cannot be written: {0}")]
    State(#[from] serde_json::Error),
}

/// A delivery, how far its stream has come, and in which trace it stands: what dispatch carries instead of loading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carried {
    pub(crate) delivery: DeliveryId,
    pub(crate) tenant: TenantId,
    pub(crate) sequence: i64,
    pub(crate) state: Delivery,
    pub(crate) traceparent: Option<String>,
}

impl Carried {
    /// The delivery that these events, a whole stream, add up to. Nothing for an empty stream or one of another kind.
    pub(crate) fn from_stream(events: &[RecordedEvent]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let state = fold::<Rules>(events.iter().filter_map(|recorded| match &recorded.event {
            LedgerEvent::Delivery(event) => Some(event),
            _ => None,
        }));
        Some(Self {
            delivery: first.stream.aggregate_id.parse().ok()?,
            tenant: first.metadata.tenant.clone(),
            sequence: last.sequence,
            state,
            traceparent: first.metadata.traceparent.clone(),
        })
    }

    /// The delivery that a claimed row of the queue stands for; nothing when the row holds no state and the log does
    /// not have it.
    pub(crate) fn from_claimed(claimed: &Claimed) -> Result<Option<Self>, serde_json::Error> {
        let row = &claimed.row;
        if row.state.is_empty() {
            return Ok(Self::from_stream(&claimed.history));
        }
        Ok(Some(Self {
            delivery: row.delivery,
            tenant: row.tenant.clone(),
            sequence: row.sequence,
            state: serde_json::from_str(&row.state)?,
            traceparent: row.traceparent.clone(),
        }))
    }

    /// The delivery that a row which holds its state stands for. Nothing, when it holds none that can be read.
    pub(crate) fn from_row(row: QueueRow) -> Option<Self> {
        let QueueRow { delivery, tenant, sequence, traceparent, state, .. } = row;
        let state = serde_json::from_str(&state).ok()?;
        Some(Self { delivery, tenant, sequence, state, traceparent })
    }

    pub(crate) fn stream(&self) -> StreamId {
        StreamId::delivery(self.delivery)
    }

    /// Takes the step that `command` means and adds it to `unit`: events and the row of the queue. Adds nothing when it
    /// means nothing. A refusal leaves the delivery as it was.
    pub(crate) fn step(
        &mut self,
        command: Command,
        unit: &mut Unit,
        lease_ms: u64,
    ) -> Result<(), DecideError> {
        let expected = self.sequence;
        let events = run::<Rules>(&mut self.state, command)?;
        if events.is_empty() {
            return Ok(());
        }
        self.sequence += events.len() as i64;
        let events = events.into_iter().map(LedgerEvent::from).collect();
        unit.appends.push(Append { stream: self.stream(), expected, events });
        unit.queue.push(self.queue_change(lease_ms)?);
        Ok(())
    }

    /// An empty unit in the delivery's trace.
    pub(crate) fn unit(&self, actor: &Actor) -> Unit {
        let mut metadata = Metadata::new(self.tenant.clone(), actor.clone());
        metadata.traceparent.clone_from(&self.traceparent);
        Unit::new(metadata)
    }

    /// What the queue must hold for it, and when that is due; nothing when there is nothing left to do.
    pub(crate) fn row(&self, lease_ms: u64) -> Result<Option<(QueueRow, Due)>, serde_json::Error> {
        let (Some(to_do), Some(plan)) = (self.state.to_do(), self.state.plan()) else {
            return Ok(None);
        };
        let (due, state) = match to_do.due {
            delivery::Due::At(at) => (Due::At(at), serde_json::to_string(&self.state)?),
            // Whoever has the lease carries the state; a dead one's is read from the stream.
            delivery::Due::Leased => (Due::Leased { lease_ms }, String::new()),
        };
        let row = QueueRow {
            delivery: self.delivery,
            tenant: self.tenant.clone(),
            distribution: plan.distribution,
            channel: plan.channel,
            destination: plan.destination.clone(),
            lane: to_do.lane.number(),
            sequence: self.sequence,
            state,
            traceparent: self.traceparent.clone(),
        };
        Ok(Some((row, due)))
    }

    /// The change of the queue that makes it so.
    pub(crate) fn queue_change(&self, lease_ms: u64) -> Result<QueueChange, serde_json::Error> {
        Ok(match self.row(lease_ms)? {
            Some((row, due)) => QueueChange::Put(row, due),
            None => QueueChange::Remove { delivery: self.delivery },
        })
    }
}

/// The queue's row of a delivery by its whole stream, for `waybill queue check` and `rebuild`. An attempt under way
/// gets a lease of `lease_ms`: it must be as long as the longest lease a running node gives, or a rebuild would put a
/// send in doubt that is still under way.
#[must_use]
pub fn fold_queue(events: &[RecordedEvent], lease_ms: u64) -> Option<(QueueRow, Due)> {
    Carried::from_stream(events)?.row(lease_ms).ok().flatten()
}
