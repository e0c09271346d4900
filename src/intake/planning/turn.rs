use std::sync::{Arc, PoisonError};

use aggregates::distribution::{Command, Distribution, Planning, Rules};
use aggregates::planning::SliceRequest;
use aggregates::run;
use schema::{DistributionId, LedgerEvent, Metadata, RecordedEvent, StreamId, TenantId};
use store::{Append, AppendError, PlanningChange, PlanningRow, Unit};
use tokio_util::sync::CancellationToken;

use crate::receive::fold;
use crate::{Intake, ReceiveError, Started, clock, figures};

/// How a turn at one plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The plan is complete.
    Complete,
    /// Others have their turn now; the rest waits.
    Unfinished,
    /// Another node is at it.
    TakenOver,
}

/// A distribution as its stream says it stands.
struct Standing {
    tenant: TenantId,
    state: Distribution,
    sequence: i64,
    traceparent: Option<String>,
}

impl Intake {
    /// Plans the next slices of one distribution.
    pub(super) async fn turn(
        self: &Arc<Self>,
        row: PlanningRow,
        cancel: &CancellationToken,
    ) -> Result<Ended, ReceiveError> {
        let PlanningRow { distribution, tenant, .. } = row;
        let mut standing = self.standing(distribution, &tenant).await?;
        let Some(mut before) = next_slice(&standing.state) else {
            self.forget(&standing, distribution).await?;
            return Ok(Ended::Complete);
        };
        let mut left = self.config.turn_slices;
        loop {
            left = left.saturating_sub(1);
            let is_last = left == 0 || cancel.is_cancelled();
            let appended = self.append_slice(distribution, standing, is_last).await?;
            let is_appended = appended.is_some();
            standing = match appended {
                Some(standing) => standing,
                None => self.standing(distribution, &tenant).await?,
            };
            match next_slice(&standing.state) {
                None if is_appended => return Ok(Ended::Complete),
                Some(_) if is_appended && is_last => return Ok(Ended::Unfinished),
                Some(next) if is_appended || next == before => before = next,
                None | Some(_) => return Ok(Ended::TakenOver),
            }
        }
    }

    /// Plans one slice on a blocking thread, appends it and hands over what may be sent. Nothing, when the distribution's
    /// stream has moved on meanwhile.
    async fn append_slice(
        self: &Arc<Self>,
        distribution: DistributionId,
        standing: Standing,
        is_last: bool,
    ) -> Result<Option<Standing>, ReceiveError> {
        let intake = Arc::clone(self);
        let lease_ms = if is_last { 0 } else { self.config.planning_lease_ms };
        let drafted = tokio::task::spawn_blocking(move || {
            intake.draft_slice(distribution, standing, lease_ms)
        });
        let Draft { unit, started, standing, considered, planned } =
            drafted.await.map_err(|error| ReceiveError::Broken(error.to_string()))??;
        match self.near.ledger.append(unit).await {
            Ok(_) => {
                figures::planned(considered, planned, started.len());
                self.near.permits.launch(started);
                Ok(Some(standing))
            }
            Err(AppendError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The unit of the next slice, and how the distribution stands after it.
    fn draft_slice(
        &self,
        distribution: DistributionId,
        mut standing: Standing,
        lease_ms: u64,
    ) -> Result<Draft, ReceiveError> {
        let mut unit = Unit::new(Metadata::new(standing.tenant.clone(), self.actor.clone()));
        unit.metadata.traceparent.clone_from(&standing.traceparent);
        let (slice, after) = match planning(&standing.state) {
            Some(Planning::Open { next_slice, after }) => (*next_slice, after.clone()),
            _ => (0, None),
        };
        let version = match standing.state.run() {
            Some(run) => run.version.clone(),
            None => return Err(aggregates::distribution::Refusal::NotReceived.into()),
        };
        let request = SliceRequest {
            tenant: &standing.tenant,
            version: &version,
            slice,
            after: after.as_ref(),
            now: clock::now(),
        };
        let planned = self.plan_slice(request);
        let sums = &planned.plan.slice.sums;
        let (considered, planned_count) = (sums.considered, sums.planned);
        let command = Command::PlanSlice(planned.plan.slice.clone());
        let events = run::<Rules>(&mut standing.state, command)?;
        let expected = standing.sequence;
        standing.sequence += events.len() as i64;
        unit.appends.push(Append {
            stream: StreamId::distribution(distribution),
            expected,
            events: events.into_iter().map(LedgerEvent::from).collect(),
        });
        let rest = unfinished(&standing.tenant, distribution, &standing.state, lease_ms);
        unit.planning.push(rest.unwrap_or(PlanningChange::Remove { distribution }));
        let started = self.write_deliveries(&mut unit, planned, request)?;
        Ok(Draft { unit, started, standing, considered, planned: planned_count })
    }

    /// Reads how the distribution stands. Whether it was withdrawn or corrected is told to the routing index at once: the tail
    /// may not have brought it yet.
    async fn standing(
        &self,
        distribution: DistributionId,
        tenant: &TenantId,
    ) -> Result<Standing, ReceiveError> {
        let stream = StreamId::distribution(distribution);
        let events = self.near.ledger.load_stream(&stream, 0).await?;
        let state = fold(&events);
        if state.run().is_some_and(|run| run.withdrawn || run.corrected_by.is_some()) {
            self.tell_index(tenant, &events);
        }
        Ok(Standing {
            tenant: tenant.clone(),
            state,
            sequence: events.last().map_or(0, |event| event.sequence),
            traceparent: events.first().and_then(|event| event.metadata.traceparent.clone()),
        })
    }

    fn tell_index(&self, tenant: &TenantId, events: &[RecordedEvent]) {
        let mut index = self.near.routing.write().unwrap_or_else(PoisonError::into_inner);
        for recorded in events {
            index.apply(tenant, &recorded.stream, recorded.sequence, &recorded.event);
        }
    }

    /// The plan turned out to be complete: the row that said otherwise goes.
    async fn forget(
        &self,
        standing: &Standing,
        distribution: DistributionId,
    ) -> Result<(), ReceiveError> {
        let mut unit = Unit::new(Metadata::new(standing.tenant.clone(), self.actor.clone()));
        unit.planning.push(PlanningChange::Remove { distribution });
        self.near.ledger.append(unit).await?;
        Ok(())
    }
}

/// A slice that is about to be appended.
struct Draft {
    unit: Unit,
    started: Vec<Started>,
    standing: Standing,
    considered: u64,
    planned: u64,
}

fn planning(state: &Distribution) -> Option<&Planning> {
    state.run().map(|run| &run.planning)
}

/// The part that comes next, while there is one.
fn next_slice(state: &Distribution) -> Option<u32> {
    match planning(state)? {
        Planning::Open { next_slice, .. } => Some(*next_slice),
        Planning::Complete { .. } | Planning::Reconciled { .. } => None,
    }
}

/// The planning queue's row, while recipients are left to look at.
pub(crate) fn unfinished(
    tenant: &TenantId,
    distribution: DistributionId,
    state: &Distribution,
    lease_ms: u64,
) -> Option<PlanningChange> {
    let Planning::Open { next_slice, after } = planning(state)? else { return None };
    let (tenant, slice, after) = (tenant.clone(), *next_slice, after.clone());
    let row = PlanningRow { distribution, tenant, slice, after };
    Some(PlanningChange::Put { row, lease_ms })
}
