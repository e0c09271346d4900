use std::sync::{Arc, PoisonError};

use aggregates::delivery::{Command, Delivery, Refusal};
use aggregates::planning::resend_plan;
use aggregates::recipient::{Address, Place, Recipient};
use rand::Rng;
use schema::events::{
    AnsweredVia, CancelReason, DeliveryPlan, EntryMark, Evidence, OnTimeAnswer, Resolution,
};
use schema::{DeliveryId, Metadata, Position, RecipientId, StreamId};
use store::{AppendError, CommandRecord, Ledger, Precondition, Stale, StoreError, Unit};

use crate::SharedRoutingIndex;
use crate::carried::{Carried, DecideError};
use crate::clock::now;

/// How often a command is decided anew because someone else was faster.
const MAX_CONFLICTS: u32 = 5;

/// What a person may do about one delivery. REST and the command line stand behind it.
pub struct DeliveryDesk {
    ledger: Arc<Ledger>,
    index: SharedRoutingIndex,
    lease_ms: u64,
}

/// Who asks, for which tenant, and the command whose outcome is kept with the events.
#[derive(Clone, Debug)]
pub struct Act {
    /// Of the events. Its tenant must be the delivery's.
    pub metadata: Metadata,
    /// The API command, if it is one.
    pub command: Option<CommandRecord>,
    /// The state it is meant for.
    pub precondition: Precondition,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The log's position that shows it; absent when there was nothing to do.
    pub position: Option<Position>,
    /// The delivery as it is now.
    pub state: Delivery,
}

/// A repetition that was scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent {
    /// The new delivery.
    pub delivery: DeliveryId,
    /// Which repetition, from 1.
    pub resend: u32,
    /// The log's position that shows it.
    pub position: Option<Position>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The tenant has no such delivery.
    #[error("there is no delivery {delivery}")]
    NotFound {
        /// Which was named.
        delivery: DeliveryId,
    },
    /// The delivery is not in the state the command is meant for.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The delivery does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was decided, but not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The delivery's state cannot be written down.
    #[error("the delivery's state cannot be written: {0}")]
    State(#[from] serde_json::Error),
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        Self::Append(error.into())
    }
}

impl From<DecideError> for DeskError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Refused(refusal) => Self::Refused(refusal),
            DecideError::State(error) => Self::State(error),
        }
    }
}

impl DeliveryDesk {
    /// A desk; `lease_ms` is the dispatcher's.
    #[must_use]
    pub const fn new(ledger: Arc<Ledger>, index: SharedRoutingIndex, lease_ms: u64) -> Self {
        Self { ledger, index, lease_ms }
    }

    /// Calls a delivery off that is not under way.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn cancel(
        &self,
        delivery: DeliveryId,
        reason: String,
        act: Act,
    ) -> Result<Done, DeskError> {
        let reason = CancelReason::Requested { reason };
        self.carry_out(delivery, Command::Cancel { attempt: None, reason }, act).await
    }

    /// Closes a delivery whose deadline has passed.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn expire(&self, delivery: DeliveryId, act: Act) -> Result<Done, DeskError> {
        self.carry_out(delivery, Command::Expire { attempt: None, now: now() }, act).await
    }

    /// Records what a person found out about an attempt in doubt.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn resolve(
        &self,
        delivery: DeliveryId,
        attempt: u32,
        resolution: Resolution,
        note: String,
        act: Act,
    ) -> Result<Done, DeskError> {
        let (now, draw) = (now(), rand::rng().random());
        let command = Command::ResolveDoubt { attempt, resolution, note, now, draw };
        self.carry_out(delivery, command, act).await
    }

    /// Records what a recipient did with an entry of its inbox. Where `own` is named, there are no others.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn mark(
        &self,
        delivery: DeliveryId,
        mark: EntryMark,
        own: Option<&RecipientId>,
        act: Act,
    ) -> Result<Done, DeskError> {
        let command = Command::MarkEntry { mark, now: now() };
        self.carry_out_for(own, delivery, command, act).await
    }

    /// Records whether its recipient says that it came on time. Where `own` is named, there are no others.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn answer(
        &self,
        delivery: DeliveryId,
        answer: OnTimeAnswer,
        via: AnsweredVia,
        own: Option<&RecipientId>,
        act: Act,
    ) -> Result<Done, DeskError> {
        let evidence = Evidence::OnTimeAnswered { answer, via };
        self.carry_out_for(own, delivery, Command::RecordEvidence { evidence }, act).await
    }

    /// Sends a closed delivery once more, as a delivery of its own with the same time to live. `command` makes the
    /// record of the API command, whose outcome names the new delivery.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn resend(
        &self,
        delivery: DeliveryId,
        metadata: Metadata,
        precondition: Precondition,
        command: impl Fn(DeliveryId) -> Option<CommandRecord> + Send + Sync,
    ) -> Result<Resent, DeskError> {
        for _ in 1..MAX_CONFLICTS {
            match self.try_resend(delivery, &metadata, &precondition, &command).await {
                Err(DeskError::Append(AppendError::Conflict { .. })) => {}
                end => return end,
            }
        }
        self.try_resend(delivery, &metadata, &precondition, &command).await
    }

    async fn try_resend(
        &self,
        delivery: DeliveryId,
        metadata: &Metadata,
        precondition: &Precondition,
        command: &(impl Fn(DeliveryId) -> Option<CommandRecord> + Send + Sync),
    ) -> Result<Resent, DeskError> {
        let mut original = self.load(None, delivery, metadata, precondition).await?;
        let (plan, resend) = match &original.state {
            Delivery::Closed(closed) => {
                (closed.plan.as_ref(), closed.resent.map_or(0, |last| last.resend) + 1)
            }
            _ => return Err(Refusal::NotClosed.into()),
        };
        let (again, plan) = resend_plan(delivery, plan, resend, now());
        let plan = self.readdressed(&original, plan);
        let mut repetition = Carried {
            delivery: again,
            tenant: original.tenant.clone(),
            sequence: 0,
            state: Delivery::default(),
            traceparent: metadata.traceparent.clone(),
        };
        let mut unit = Unit::new(metadata.clone());
        let evidence = Evidence::Resent { delivery: again, resend };
        original.step(Command::RecordEvidence { evidence }, &mut unit, self.lease_ms)?;
        repetition.step(Command::Schedule(Box::new(plan)), &mut unit, self.lease_ms)?;
        unit.command = command(again);
        let position = self.ledger.append(unit).await?.position();
        Ok(Resent { delivery: again, resend, position })
    }

    /// To where the recipient is reached now: what was wrong with the first may have been its address.
    fn readdressed(&self, original: &Carried, mut plan: DeliveryPlan) -> DeliveryPlan {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let Recipient::Active(known) = index.recipient(&original.tenant, &plan.recipient) else {
            return plan;
        };
        let now = now();
        let same = known.active(plan.channel).find(|address| address.id == plan.address);
        let usable = same.filter(|address| address.suppression(now).is_none());
        let other = || known.reachable(plan.channel, now);
        let place = usable.and_then(Address::place).or_else(other);
        if let Some(Place { address, destination }) = place.or(same.and_then(Address::place)) {
            (plan.address, plan.destination) = (address, destination);
        }
        plan
    }

    async fn carry_out(
        &self,
        delivery: DeliveryId,
        command: Command,
        act: Act,
    ) -> Result<Done, DeskError> {
        self.carry_out_for(None, delivery, command, act).await
    }

    async fn carry_out_for(
        &self,
        own: Option<&RecipientId>,
        delivery: DeliveryId,
        command: Command,
        act: Act,
    ) -> Result<Done, DeskError> {
        for _ in 1..MAX_CONFLICTS {
            match self.try_carry_out(own, delivery, command.clone(), &act).await {
                Err(DeskError::Append(AppendError::Conflict { .. })) => {}
                end => return end,
            }
        }
        self.try_carry_out(own, delivery, command, &act).await
    }

    async fn try_carry_out(
        &self,
        own: Option<&RecipientId>,
        delivery: DeliveryId,
        command: Command,
        act: &Act,
    ) -> Result<Done, DeskError> {
        let mut carried = self.load(own, delivery, &act.metadata, &act.precondition).await?;
        let mut unit = Unit::new(act.metadata.clone());
        carried.step(command, &mut unit, self.lease_ms)?;
        unit.command.clone_from(&act.command);
        let position = match unit.appends.is_empty() && unit.command.is_none() {
            true => None,
            false => self.ledger.append(unit).await?.position(),
        };
        Ok(Done { position, state: carried.state })
    }

    /// The delivery, if it is the tenant's, and `own` recipient's where one is named (others do not exist), and in the
    /// state that is meant.
    async fn load(
        &self,
        own: Option<&RecipientId>,
        delivery: DeliveryId,
        metadata: &Metadata,
        precondition: &Precondition,
    ) -> Result<Carried, DeskError> {
        let events = self.ledger.load_stream(&StreamId::delivery(delivery), 0).await?;
        let is_own = |carried: &Carried| {
            let plan = carried.state.plan();
            own.is_none_or(|own| plan.is_some_and(|plan| plan.recipient == *own))
        };
        let carried = Carried::from_stream(&events)
            .filter(|carried| carried.tenant == metadata.tenant && is_own(carried))
            .ok_or(DeskError::NotFound { delivery })?;
        precondition.check(events.last().map(|event| event.position).unwrap_or_default())?;
        Ok(carried)
    }
}
