use std::time::Instant;

use aggregates::delivery::{self, Command, Delivery, Refusal, Rules};
use aggregates::planning::{MAX_RECIPIENTS, SlicePlan, SliceRequest, plan_slice};
use aggregates::routing::{Authorised, RoutingIndex};
use aggregates::run;
use schema::events::DeliveryPlan;
use schema::{ChannelKind, DeliveryId, DestinationKey, LedgerEvent, StreamId, TenantId};
use store::{Append, Due, QueueChange, QueueRow, Unit};

use crate::{Intake, PermitGuard, ReceiveError, Started};

/// So many events a unit holds at most.
const MAX_UNIT_EVENTS: usize = 2_000;
/// Deliveries of a slice, at most.
const MAX_DELIVERIES: usize = MAX_RECIPIENTS * ChannelKind::ALL.len();
/// One delivery without a permit for so many with one does not end a slice.
const WAITING_SHARE: usize = 8;
/// Events of a slice's unit that are not its deliveries' own: received, slice planned, and the corrected version's.
const OTHER_EVENTS: usize = 3;

/// One planned slice, with what may be sent at once.
pub(crate) struct Planned {
    pub(crate) plan: SlicePlan,
    /// As many as there are deliveries.
    starts: Vec<Option<Start>>,
    /// The first send for which no permit was free.
    pub(crate) short: Option<Sends>,
}

/// Sends on a channel to a destination.
#[derive(Clone, Debug)]
pub(crate) struct Sends {
    pub(crate) channel: ChannelKind,
    pub(crate) destination: DestinationKey,
}

/// How far a slice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As far as a slice may.
    Whole,
    /// It ends when more deliveries than these, and than a share of those with a permit, have none: what comes behind
    /// them is planned when it can be sent. A few to a slow destination do not hold up the others.
    Waiting(usize),
}

/// Why a delivery's first attempt may start now.
struct Start {
    permit: PermitGuard,
    authorised: Authorised,
}

/// Takes permits for a slice while it is planned.
struct Taking<'t> {
    intake: &'t Intake,
    index: &'t RoutingIndex,
    request: SliceRequest<'t>,
    /// Starts that still have room in the unit.
    room: usize,
    starts: Vec<Option<Start>>,
    waiting: usize,
    short: Option<Sends>,
}

impl Taking<'_> {
    fn take(&mut self, plan: &DeliveryPlan) {
        let start = if self.room > 0 { self.start(plan) } else { None };
        self.room = self.room.saturating_sub(usize::from(start.is_some()));
        self.starts.push(start);
    }

    fn start(&mut self, plan: &DeliveryPlan) -> Option<Start> {
        let SliceRequest { tenant, now, .. } = self.request;
        let DeliveryPlan { channel, destination, .. } = plan;
        if plan.planned.as_ref().is_some_and(|planned| now < planned.due) {
            return None;
        }
        if now >= plan.deadline || self.index.paused(tenant, *channel, destination).is_some() {
            return None;
        }
        let Some(permit) = self.intake.near.permits.try_permit(tenant, *channel, destination)
        else {
            self.waiting += 1;
            let sends = || Sends { channel: *channel, destination: destination.clone() };
            self.short.get_or_insert_with(sends);
            return None;
        };
        let authorised = self.index.authorise(tenant, plan, now).ok()?;
        Some(Start { permit, authorised })
    }
}

impl Intake {
    /// Plans the next slice, and takes a permit for each of its deliveries for which one is free. Reads the routing
    /// index once, for a few milliseconds at most: a slice is bounded.
    pub(crate) fn plan_slice(&self, request: SliceRequest<'_>, pace: Pace) -> Planned {
        let index = self.routing();
        let mut taking = Taking {
            intake: self,
            index: &index,
            request,
            room: MAX_UNIT_EVENTS - OTHER_EVENTS - MAX_DELIVERIES,
            starts: Vec::new(),
            waiting: 0,
            short: None,
        };
        let plan = plan_slice(&index, &self.near.schedules, request, |deliveries| {
            deliveries.iter().for_each(|(_, plan)| taking.take(plan));
            match pace {
                Pace::Whole => false,
                Pace::Waiting(most) => {
                    let started = taking.starts.len() - taking.waiting;
                    taking.waiting > most + started / WAITING_SHARE
                }
            }
        });
        let Taking { starts, short, .. } = taking;
        Planned { plan, starts, short }
    }

    /// Writes the slice's deliveries into `unit`. What comes back may be sent once the unit is appended.
    pub(crate) fn write_deliveries(
        &self,
        unit: &mut Unit,
        planned: Planned,
        request: SliceRequest<'_>,
    ) -> Result<Vec<Started>, ReceiveError> {
        let mut started = Vec::new();
        for ((id, plan), start) in planned.plan.deliveries.into_iter().zip(planned.starts) {
            let mut state = Delivery::default();
            let mut events = run::<Rules>(&mut state, Command::Schedule(Box::new(plan)))?;
            if let Some(start) = &start {
                events.extend(self.start_attempt(&mut state, start, request)?);
            }
            let sequence = events.len() as i64;
            let lease_ms = state.plan().map_or(0, |plan| self.near.permits.lease_ms(plan.channel));
            let events = events.into_iter().map(LedgerEvent::from).collect();
            unit.appends.push(Append { stream: StreamId::delivery(id), expected: 0, events });
            let traceparent = unit.metadata.traceparent.clone();
            let row = Row { id, tenant: request.tenant, sequence, state: &state };
            unit.queue.push(row.queue_change(lease_ms, traceparent.clone())?);
            if let Some(Start { permit, authorised }) = start {
                started.push(Started {
                    delivery: id,
                    tenant: request.tenant.clone(),
                    sequence,
                    state,
                    permit,
                    leased_at: Instant::now(),
                    traceparent,
                    authorised,
                });
            }
        }
        Ok(started)
    }

    fn start_attempt(
        &self,
        state: &mut Delivery,
        start: &Start,
        request: SliceRequest<'_>,
    ) -> Result<Vec<delivery::Event>, Refusal> {
        let command = Command::StartAttempt {
            node: self.node.clone(),
            address_revision: start.authorised.revision,
            now: request.now,
        };
        run::<Rules>(state, command)
    }
}

/// A delivery as its events leave it.
struct Row<'r> {
    id: DeliveryId,
    tenant: &'r TenantId,
    sequence: i64,
    state: &'r Delivery,
}

impl Row<'_> {
    /// What the queue must hold for it.
    fn queue_change(
        &self,
        lease_ms: u64,
        traceparent: Option<String>,
    ) -> Result<QueueChange, ReceiveError> {
        let (Some(to_do), Some(plan)) = (self.state.to_do(), self.state.plan()) else {
            return Ok(QueueChange::Remove { delivery: self.id });
        };
        let (due, state) = match to_do.due {
            delivery::Due::At(at) => (Due::At(at), serde_json::to_string(self.state)?),
            // Whoever has the lease carries the state; a dead one's is read from the stream.
            delivery::Due::Leased => (Due::Leased { lease_ms }, String::new()),
        };
        let row = QueueRow {
            delivery: self.id,
            tenant: self.tenant.clone(),
            distribution: plan.distribution,
            channel: plan.channel,
            destination: plan.destination.clone(),
            lane: to_do.lane.number(),
            sequence: self.sequence,
            state,
            traceparent,
        };
        Ok(QueueChange::Put(row, due))
    }
}
