use std::time::Instant;

use aggregates::delivery::{self, Command, Delivery, Refusal, Rules};
use aggregates::planning::{SlicePlan, SliceRequest, plan_slice};
use aggregates::routing::RoutingIndex;
use aggregates::run;
use schema::events::DeliveryPlan;
use schema::{DeliveryId, LedgerEvent, StreamId, TenantId};
use store::{Append, Due, QueueChange, QueueRow, Unit};

use crate::{Intake, PermitGuard, ReceiveError, Started};

/// So many events a unit holds at most.
const MAX_UNIT_EVENTS: usize = 2_000;
/// Events of a slice's unit that are not its deliveries' own: received, slice planned, and the corrected version's.
const OTHER_EVENTS: usize = 3;

/// One planned slice, with what may be sent at once.
pub(crate) struct Planned {
    pub(crate) plan: SlicePlan,
    /// As many as there are deliveries.
    starts: Vec<Option<Start>>,
}

/// Why a delivery's first attempt may start now.
struct Start {
    permit: PermitGuard,
    address_revision: u32,
}

impl Intake {
    /// Plans the next slice, and takes a permit for each of its deliveries for which one is free. Reads the routing
    /// index once, for a few milliseconds at most: a slice is bounded.
    pub(crate) fn plan_slice(&self, request: SliceRequest<'_>) -> Planned {
        let index = self.routing();
        let plan = plan_slice(&index, &self.near.schedules, request);
        let mut room = MAX_UNIT_EVENTS.saturating_sub(OTHER_EVENTS + plan.deliveries.len());
        let mut start = |(_, plan): &(DeliveryId, DeliveryPlan)| {
            let start = if room > 0 { self.start(&index, request, plan) } else { None };
            room -= usize::from(start.is_some());
            start
        };
        let starts = plan.deliveries.iter().map(&mut start).collect();
        Planned { plan, starts }
    }

    fn start(
        &self,
        index: &RoutingIndex,
        request: SliceRequest<'_>,
        plan: &DeliveryPlan,
    ) -> Option<Start> {
        let SliceRequest { tenant, now, .. } = request;
        if now >= plan.deadline || index.paused(tenant, plan.channel, &plan.destination).is_some() {
            return None;
        }
        let permit = self.near.permits.try_permit(tenant, plan.channel, &plan.destination)?;
        let address_revision = index.authorise(tenant, plan, now).ok()?.revision;
        Some(Start { permit, address_revision })
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
            if let Some(Start { permit, .. }) = start {
                started.push(Started {
                    delivery: id,
                    tenant: request.tenant.clone(),
                    sequence,
                    state,
                    permit,
                    leased_at: Instant::now(),
                    traceparent,
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
            address_revision: start.address_revision,
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
        let due = match to_do.due {
            delivery::Due::At(at) => Due::At(at),
            delivery::Due::Leased => Due::Leased { lease_ms },
        };
        let row = QueueRow {
            delivery: self.id,
            tenant: self.tenant.clone(),
            distribution: plan.distribution,
            channel: plan.channel,
            destination: plan.destination.clone(),
            lane: to_do.lane.number(),
            sequence: self.sequence,
            state: serde_json::to_string(self.state)?,
            traceparent,
        };
        Ok(QueueChange::Put(row, due))
    }
}
