//! Takes due deliveries off the queue, one transaction at a time: as many as there are permits for, decided on in
//! memory, recorded as started, then sent outside of any transaction. Each lane of each channel is claimed by itself.

mod confirm;
mod held_back;
mod overdue;
mod round;

use std::sync::Arc;
use std::time::Duration;

use aggregates::delivery::Lane;
use schema::ChannelKind;
use store::{AppendError, ClaimRequest};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(crate) use held_back::HeldBack;
pub(crate) use overdue::expire_paused;

use crate::clock::now;
use crate::permits::{Free, Share};
use crate::{Dispatcher, figures};
use round::{Round, lease_now};

/// A claim of so many rows is followed by the next one at once.
const FULL_ROWS: usize = 100;
/// Pause after the smallest claim while there is work, in proportion less after larger ones: it gathers permits, so
/// that claims do not shrink to single rows.
const LONGEST_BUSY: Duration = Duration::from_millis(10);
/// First pause after a claim that found nothing; doubled up to `dispatch.idle_poll_ms`.
const FIRST_IDLE: Duration = Duration::from_millis(5);
/// Longest wait for a permit to come back: what is short may be the node's or a tenant's, used up by another channel.
const PERMIT_POLL: Duration = Duration::from_millis(20);
/// Longest pause after a claim that failed.
const LONGEST_TROUBLE: Duration = Duration::from_secs(5);

/// What a claim came to.
enum Claimed {
    /// So many rows got somewhere.
    Rows(usize),
    /// There is nothing that is due.
    Nothing,
    /// No permit is free.
    NoPermits,
    /// What may be due belongs to whom has no permit left. To look for it costs as much as there is of it.
    LeftOut(Free),
}

/// A lane of a channel.
#[derive(Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) lane: Lane,
    pub(crate) channel: ChannelKind,
}

impl Queue {
    /// All that are claimed: what is held waits for a person.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let lanes = [Lane::First, Lane::Retry];
        lanes.into_iter().flat_map(|lane| ChannelKind::ALL.map(|channel| Self { lane, channel }))
    }

    pub(crate) const fn lane_name(self) -> &'static str {
        match self.lane {
            Lane::First => "first",
            Lane::Retry => "retry",
            Lane::Held => "held",
        }
    }

    const fn share(self) -> Share {
        match self.lane {
            Lane::First | Lane::Held => Share::First,
            Lane::Retry => Share::Retry,
        }
    }

    /// A claim of at most so many rows, with nothing left out.
    fn request(self, limit: u32, lease_ms: u64) -> ClaimRequest {
        ClaimRequest {
            lane: self.lane.number(),
            channel: self.channel,
            limit,
            lease_ms,
            without_tenants: Vec::new(),
            without_destinations: Vec::new(),
        }
    }
}

/// Works a lane of a channel until `cancel`.
pub(crate) async fn work(
    dispatcher: &Arc<Dispatcher>,
    queue: Queue,
    held_back: &HeldBack,
    cancel: &CancellationToken,
) {
    let longest_idle = Duration::from_millis(dispatcher.config.idle_poll_ms);
    let mut idle = FIRST_IDLE;
    let mut trouble = Duration::ZERO;
    while !cancel.is_cancelled() {
        // A claim is never dropped half way: what it started must be sent.
        match claim(dispatcher, queue, held_back).await {
            Ok(Claimed::Nothing | Claimed::Rows(0)) => {
                let wait = dispatcher.bells.wait(queue, idle, now());
                let _ = cancel.run_until_cancelled(wait).await;
                idle = (idle * 2).min(longest_idle);
            }
            Ok(Claimed::Rows(rows)) => {
                idle = FIRST_IDLE;
                let pause = pause_after(rows);
                let _ = cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
            Ok(Claimed::NoPermits) => {
                let freed = dispatcher.permits.freed(queue.share(), queue.channel);
                let _ = cancel.run_until_cancelled(timeout(PERMIT_POLL, freed)).await;
            }
            Ok(Claimed::LeftOut(free)) => {
                let allowed = allowed(dispatcher, queue, &free);
                let _ = cancel.run_until_cancelled(timeout(PERMIT_POLL, allowed)).await;
            }
            Err(error) => {
                if trouble.is_zero() {
                    let (lane, channel) = (queue.lane_name(), queue.channel);
                    warn!(%error, "the {lane} lane of {channel} cannot be claimed: {error}");
                }
                trouble = (trouble * 2).clamp(Duration::from_millis(100), LONGEST_TROUBLE);
                let _ = cancel.run_until_cancelled(tokio::time::sleep(trouble)).await;
                continue;
            }
        }
        trouble = Duration::ZERO;
    }
}

fn pause_after(rows: usize) -> Duration {
    LONGEST_BUSY.mul_f64(1.0 - rows.min(FULL_ROWS) as f64 / FULL_ROWS as f64)
}

/// Ends when something may be claimed that was left out before, or when something new is due.
async fn allowed(dispatcher: &Dispatcher, queue: Queue, before: &Free) {
    let (permits, wanted) = (&dispatcher.permits, dispatcher.config.claim_rows);
    loop {
        tokio::select! {
            () = permits.freed(queue.share(), queue.channel) => {}
            () = dispatcher.bells.rung(queue) => return,
        }
        if permits.free(queue.share(), queue.channel, wanted).allows_more_than(before) {
            return;
        }
    }
}

async fn claim(
    dispatcher: &Arc<Dispatcher>,
    queue: Queue,
    held_back: &HeldBack,
) -> Result<Claimed, AppendError> {
    let wanted = dispatcher.config.claim_rows;
    let free = dispatcher.permits.free(queue.share(), queue.channel, wanted);
    if free.permits == 0 {
        return Ok(Claimed::NoPermits);
    }
    let mut request = queue.request(free.permits, dispatcher.lease_ms);
    request.without_tenants = free.without_tenants.iter().map(ToString::to_string).collect();
    request.without_destinations =
        free.without_destinations.iter().map(ToString::to_string).collect();
    held_back.leave_out_paused(dispatcher, &mut request);
    let mut round = Round::new(dispatcher, held_back, queue.share(), lease_now());
    let appended = dispatcher.ledger.claim(&request, |rows| round.decide(rows)).await?;
    if round.seen == 0 {
        return Ok(if free.leaves_out() { Claimed::LeftOut(free) } else { Claimed::Nothing });
    }
    figures::claimed(queue.lane_name(), round.seen);
    Ok(Claimed::Rows(round.conclude(&appended)))
}
