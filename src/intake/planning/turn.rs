use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aggregates::distribution::{Command, Distribution, Planning, Rules};
use aggregates::planning::SliceRequest;
use aggregates::run;
use schema::{DistributionId, LedgerEvent, Metadata, RecordedEvent, StreamId, TenantId};
use store::{Append, AppendError, PlanningChange, PlanningRow, Unit};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::slice::{Pace, Sends};
use crate::receive::fold;
use crate::{Intake, ReceiveError, Started, clock, figures};

/// How long a slice waits for permits while none comes back, before it is planned without.
const PATIENCE: Duration = Duration::from_millis(20);
/// So many must come back in that time, or whoever holds them is slow: others do not wait for it.
const FLOWING: u64 = 8;
/// How long it waits for permits that do come back, and go to others.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// Between looks whether there are any.
const ROOM_POLL: Duration = Duration::from_millis(1);

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
    /// Plans the next slices of one distribution. While one is being appended, the next is drafted on what that one
    /// will have made of it.
    pub(super) async fn turn(
        self: &Arc<Self>,
        row: PlanningRow,
        cancel: &CancellationToken,
    ) -> Result<Ended, ReceiveError> {
        let (distribution, tenant) = (row.distribution, row.tenant.clone());
        let standing = self.standing(distribution, &tenant).await?;
        let Some(mut slice) = next_slice(&standing.state) else {
            self.forget(&standing, distribution).await?;
            return Ok(Ended::Complete);
        };
        if let Some(run) = standing.state.run()
            && !self.renders(&row, &run.version).await?
        {
            self.put_off(row).await?;
            return Ok(Ended::Unfinished);
        }
        let mut left = self.config.turn_slices;
        let mut is_last = || {
            left = left.saturating_sub(1);
            left == 0 || cancel.is_cancelled()
        };
        let mut draft = self.draft(distribution, standing, is_last(), self.pace()).await?;
        loop {
            let Draft { unit, started, standing, is_last: was_last, sums, short } = draft;
            let next = next_slice(&standing.state);
            let ahead = async {
                match next {
                    Some(_) if !was_last => {
                        let pace = self.wait_for_room(&tenant, short).await;
                        self.draft(distribution, standing, is_last(), pace).await.map(Some)
                    }
                    Some(_) | None => Ok(None),
                }
            };
            let (appended, ahead) = futures::join!(self.append_slice(unit, started, sums), ahead);
            draft = match (appended?, ahead?, next) {
                (true, Some(ahead), Some(next)) => {
                    slice = next;
                    ahead
                }
                (true, _, Some(_)) => return Ok(Ended::Unfinished),
                (true, _, None) => return Ok(Ended::Complete),
                (false, ahead, _) => {
                    drop(ahead);
                    let standing = self.standing(distribution, &tenant).await?;
                    if next_slice(&standing.state) != Some(slice) {
                        return Ok(Ended::TakenOver);
                    }
                    self.draft(distribution, standing, was_last, Pace::Whole).await?
                }
            };
        }
    }

    fn pace(&self) -> Pace {
        if self.near.permits.keeps_pace() { Pace::Waiting(0) } else { Pace::Whole }
    }

    /// Lets the next slice wait a little for what the last one was short of. A plan that is no faster than its sends
    /// leads to one transaction for a delivery's plan and its start; where room does not come soon, it goes on without.
    async fn wait_for_room(&self, tenant: &TenantId, short: Option<Sends>) -> Pace {
        let Some(Sends { channel, destination }) = short else { return self.pace() };
        let permits = &self.near.permits;
        let began = Instant::now();
        let (mut flowed_at, mut answered) = (began, permits.answered_count(channel));
        while permits.keeps_pace() && began.elapsed() < LONGEST_WAIT {
            if permits.has_room(tenant, channel, &destination) {
                return self.pace();
            }
            let now_answered = permits.answered_count(channel);
            if now_answered >= answered + FLOWING {
                (flowed_at, answered) = (Instant::now(), now_answered);
            }
            if flowed_at.elapsed() >= PATIENCE {
                break;
            }
            sleep(ROOM_POLL).await;
        }
        Pace::Whole
    }

    /// Drafts the next slice on a blocking thread. Behind the last one of a turn the plan is free for others at once.
    async fn draft(
        self: &Arc<Self>,
        distribution: DistributionId,
        standing: Standing,
        is_last: bool,
        pace: Pace,
    ) -> Result<Draft, ReceiveError> {
        let intake = Arc::clone(self);
        let drafted = tokio::task::spawn_blocking(move || {
            intake.draft_slice(distribution, standing, is_last, pace)
        });
        drafted.await.map_err(|error| ReceiveError::Broken(error.to_string()))?
    }

    /// Appends a slice and hands over what may be sent. False when the distribution's stream has moved on meanwhile.
    async fn append_slice(
        &self,
        unit: Unit,
        started: Vec<Started>,
        (considered, planned): (u64, u64),
    ) -> Result<bool, ReceiveError> {
        match self.near.ledger.append(unit).await {
            Ok(_) => {
                figures::planned(considered, planned, started.len());
                self.near.permits.launch(started);
                Ok(true)
            }
            Err(AppendError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The unit of the next slice, and how the distribution stands after it.
    fn draft_slice(
        &self,
        distribution: DistributionId,
        mut standing: Standing,
        is_last: bool,
        pace: Pace,
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
        let mut planned = self.plan_slice(request, pace);
        let short = planned.short.take();
        let sums = &planned.plan.slice.sums;
        let sums = (sums.considered, sums.planned);
        let command = Command::PlanSlice(planned.plan.slice.clone());
        let events = run::<Rules>(&mut standing.state, command)?;
        let expected = standing.sequence;
        standing.sequence += events.len() as i64;
        unit.appends.push(Append {
            stream: StreamId::distribution(distribution),
            expected,
            events: events.into_iter().map(LedgerEvent::from).collect(),
        });
        let lease_ms = if is_last { 0 } else { self.config.planning_lease_ms };
        let rest = unfinished(&standing.tenant, distribution, &standing.state, lease_ms);
        unit.planning.push(rest.unwrap_or(PlanningChange::Remove { distribution }));
        let started = self.write_deliveries(&mut unit, planned, request)?;
        Ok(Draft { unit, started, standing, is_last, sums, short })
    }

    /// Reads how the distribution stands. Whether it was withdrawn or corrected is told to the routing index at once:
    /// the tail may not have brought it yet.
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
    /// How the distribution stands after it.
    standing: Standing,
    /// Whether others may have their turn after it.
    is_last: bool,
    /// Pairs considered, deliveries planned.
    sums: (u64, u64),
    /// What it has no permit for, if anything.
    short: Option<Sends>,
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
