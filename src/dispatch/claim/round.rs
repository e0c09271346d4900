use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use aggregates::delivery::{Command, Delivery, ToDo};
use aggregates::routing::{Authorised, Denied, RoutingIndex};
use rand::Rng;
use schema::events::DeliveryPlan;
use schema::{ChannelKind, DeliveryId, Timestamp};
use store::{Appended, Claimed, Due, QueueChange, QueueRow, Unit};
use tracing::error;

use super::HeldBack;
use super::confirm::{SET_ASIDE_MS, close, confirm};
use crate::carried::{Carried, DecideError};
use crate::permits::Permit;
use crate::start::Send;
use crate::{Dispatcher, Share};

/// A row for which there was no permit is looked at again after this long at the earliest.
const PUT_BACK_MS: u64 = 10;
/// A row that is paused is looked at again after this long at the earliest; claims leave the others out.
const PAUSED_MS: u64 = 200;

/// When a lease begins that is asked for now.
pub(super) fn lease_now() -> Instant {
    Instant::now()
}

/// What one claim decides. Its decisions count only once the claim is committed.
pub(super) struct Round<'d> {
    dispatcher: &'d Arc<Dispatcher>,
    held_back: &'d HeldBack,
    share: Share,
    leased_at: Instant,
    sends: Vec<Send>,
    denied: Vec<Carried>,
    later: Vec<(ChannelKind, ToDo)>,
    pub(super) seen: usize,
    idle: usize,
}

/// What becomes of a row.
enum Verdict {
    /// Its attempt begins.
    Start(Authorised, Permit),
    /// A step without a send.
    Step(Command),
    /// It may not be sent, unless this node is only behind.
    SetAside,
    /// It stays as it is and is looked at again then.
    PutBack(Timestamp),
}

impl<'d> Round<'d> {
    pub(super) fn new(
        dispatcher: &'d Arc<Dispatcher>,
        held_back: &'d HeldBack,
        share: Share,
        leased_at: Instant,
    ) -> Self {
        Self {
            dispatcher,
            held_back,
            share,
            leased_at,
            sends: Vec::new(),
            denied: Vec::new(),
            later: Vec::new(),
            seen: 0,
            idle: 0,
        }
    }

    /// The units that the rows lead to. Sync and without a look at the world but clock and index.
    pub(super) fn decide(&mut self, rows: Vec<Claimed>) -> Vec<Unit> {
        let index = Arc::clone(&self.dispatcher.index);
        let index = index.read().unwrap_or_else(PoisonError::into_inner);
        self.seen = rows.len();
        rows.into_iter().filter_map(|claimed| self.judge(&index, claimed)).collect()
    }

    fn judge(&mut self, index: &RoutingIndex, claimed: Claimed) -> Option<Unit> {
        let id = claimed.row.delivery;
        let carried = match Carried::from_claimed(&claimed) {
            Ok(Some(carried)) => carried,
            Ok(None) => {
                error!("the queue has a row of delivery {id}, and the log has no such delivery");
                return None;
            }
            Err(error) => {
                error!(%error, "the queue's row of delivery {id} cannot be read: {error}");
                return None;
            }
        };
        let verdict = self.verdict(index, &carried, &claimed);
        self.unit(carried, claimed.row, verdict, claimed.now)
            .map_err(|error| error!(%error, "delivery {id} is left as it is: {error}"))
            .ok()
    }

    fn verdict(&mut self, index: &RoutingIndex, carried: &Carried, claimed: &Claimed) -> Verdict {
        let now = claimed.now;
        match &carried.state {
            // Both have no row; a step that means nothing takes the row away.
            Delivery::Unplanned | Delivery::Closed(_) => Verdict::PutBack(now),
            Delivery::Attempting { course } => {
                let draw = rand::rng().random();
                Verdict::Step(Command::LoseAttempt { attempt: course.attempts, now, draw })
            }
            // Nothing is done about it but by a person: its row stays due at its deadline, which is the alarm.
            Delivery::Held { course } => Verdict::PutBack(course.plan.deadline),
            Delivery::Scheduled { plan } => match index.retimed(&carried.tenant, plan, now) {
                Some(planned) if now < plan.deadline => {
                    Verdict::Step(Command::Reschedule { planned })
                }
                _ => self.may_start(index, carried, plan, claimed),
            },
            Delivery::Retrying { course, .. } | Delivery::InDoubt { course, .. } => {
                self.may_start(index, carried, &course.plan, claimed)
            }
        }
    }

    fn may_start(
        &mut self,
        index: &RoutingIndex,
        carried: &Carried,
        plan: &DeliveryPlan,
        Claimed { row, now, .. }: &Claimed,
    ) -> Verdict {
        if *now >= plan.deadline {
            return Verdict::Step(Command::Expire { attempt: None, now: *now });
        }
        let authorised = match index.authorise(&row.tenant, plan, *now) {
            Ok(authorised) => authorised,
            // A version that was called off stays so: there is nothing this node could learn.
            Err(denied @ Denied::Cancel(_)) => return Verdict::Step(close(denied)),
            Err(Denied::Suppress(_)) => return Verdict::SetAside,
        };
        // Where the address leads now, which may have changed since the plan.
        let destination = &authorised.destination;
        if index.paused(&row.tenant, row.channel, destination).is_some() {
            self.held_back.paused(&row.tenant, row.channel, destination);
            return Verdict::PutBack(now.plus_ms(PAUSED_MS));
        }
        let permits = &self.dispatcher.permits;
        match permits.try_permit(self.share, &carried.tenant, row.channel, destination) {
            Some(permit) => Verdict::Start(authorised, permit),
            None => Verdict::PutBack(now.plus_ms(PUT_BACK_MS)),
        }
    }

    fn unit(
        &mut self,
        mut carried: Carried,
        row: QueueRow,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<Unit, DecideError> {
        let Dispatcher { actor, node, .. } = self.dispatcher.as_ref();
        let lease_ms = self.dispatcher.lease_ms_of(row.channel);
        let mut unit = carried.unit(actor);
        match verdict {
            Verdict::PutBack(at) => {
                self.idle += 1;
                unit.queue.push(match carried.state.to_do() {
                    Some(_) => QueueChange::Put(row, Due::At(at)),
                    None => QueueChange::Remove { delivery: carried.delivery },
                });
            }
            Verdict::SetAside => {
                unit.queue.push(QueueChange::Put(row, Due::At(now.plus_ms(SET_ASIDE_MS))));
                self.denied.push(carried);
            }
            Verdict::Step(command) => {
                carried.step(command, &mut unit, lease_ms)?;
                self.later.extend(carried.state.to_do().map(|to_do| (row.channel, to_do)));
            }
            Verdict::Start(authorised, permit) => {
                let (node, address_revision) = (node.clone(), authorised.revision);
                let command = Command::StartAttempt { node, address_revision, now };
                carried.step(command, &mut unit, lease_ms)?;
                let leased_at = self.leased_at;
                self.sends.push(Send { carried, permit, leased_at, authorised });
            }
        }
        Ok(unit)
    }

    /// The claim is committed: sends what was started, and only that. Returns how many rows got anywhere.
    pub(super) fn conclude(self, appended: &[Appended]) -> usize {
        let Self { dispatcher, mut sends, denied, later, seen, idle, .. } = self;
        later.into_iter().for_each(|(channel, to_do)| dispatcher.bells.due(channel, to_do));
        let started: HashSet<DeliveryId> = appended
            .iter()
            .flat_map(|unit| &unit.events)
            .filter(|recorded| recorded.event.event_type() == "AttemptStarted")
            .filter_map(|recorded| recorded.stream.aggregate_id.parse().ok())
            .collect();
        sends.retain(|send| started.contains(&send.carried.delivery));
        if !sends.is_empty() {
            dispatcher.send_all(sends);
        }
        if !denied.is_empty() {
            tokio::spawn(confirm(Arc::clone(dispatcher), denied));
        }
        seen - idle
    }
}
