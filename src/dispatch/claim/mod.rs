//! Takes due deliveries off the queue, one transaction at a time: as many as there are permits for, decided on in
//! memory, recorded as started, then sent outside of any transaction.

mod held_back;
mod overdue;
mod round;

use std::sync::Arc;
use std::time::Duration;

use aggregates::delivery::Lane;
use store::{AppendError, ClaimRequest};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(crate) use held_back::HeldBack;
pub(crate) use overdue::expire_paused;

use crate::clock::now;
use crate::permits::{Free, Share};
use crate::{Dispatcher, figures};
use round::{Round, lease_now};

/// Pause between two claims while there is work: it gathers permits, so that claims do not shrink to single rows.
const BUSY: Duration = Duration::from_millis(2);
/// A claim of so many rows is followed by the next one at once.
const FULL_ROWS: usize = 100;
/// First pause after a claim that found nothing; doubled up to `dispatch.idle_poll_ms`.
const FIRST_IDLE: Duration = Duration::from_millis(5);
/// Longest pause after a claim that failed.
const LONGEST_TROUBLE: Duration = Duration::from_secs(5);
/// Deliveries of one held lane looked at in one claim: their deadlines have passed.
const HELD_ROWS: u32 = 200;

/// What a claim came to.
enum Claimed {
    /// So many rows were taken.
    Rows(usize),
    /// Every permit is out.
    NoPermits,
}

pub(crate) fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::First => "first",
        Lane::Retry => "retry",
        Lane::Held => "held",
    }
}

const fn share(lane: Lane) -> Share {
    match lane {
        Lane::First | Lane::Held => Share::First,
        Lane::Retry => Share::Retry,
    }
}

/// Works a lane until `cancel`.
pub(crate) async fn work(
    dispatcher: &Arc<Dispatcher>,
    lane: Lane,
    held_back: &HeldBack,
    cancel: &CancellationToken,
) {
    let longest_idle = Duration::from_millis(dispatcher.config.idle_poll_ms);
    let mut idle = FIRST_IDLE;
    let mut trouble = Duration::ZERO;
    while !cancel.is_cancelled() {
        // A claim is never dropped half way: what it started must be sent.
        match claim(dispatcher, lane, held_back).await {
            Ok(Claimed::Rows(0)) => {
                let wait = dispatcher.bells.wait(lane, idle, now());
                let _ = cancel.run_until_cancelled(wait).await;
                idle = (idle * 2).min(longest_idle);
            }
            Ok(Claimed::Rows(rows)) => {
                idle = FIRST_IDLE;
                if rows < FULL_ROWS {
                    let _ = cancel.run_until_cancelled(tokio::time::sleep(BUSY)).await;
                }
            }
            Ok(Claimed::NoPermits) => {
                let freed = dispatcher.permits.freed(share(lane));
                let _ = cancel.run_until_cancelled(freed).await;
            }
            Err(error) => {
                if trouble.is_zero() {
                    warn!(%error, "the {} lane cannot be claimed: {error}", lane_name(lane));
                }
                trouble = (trouble * 2).clamp(Duration::from_millis(100), LONGEST_TROUBLE);
                let _ = cancel.run_until_cancelled(tokio::time::sleep(trouble)).await;
                continue;
            }
        }
        trouble = Duration::ZERO;
    }
}

async fn claim(
    dispatcher: &Arc<Dispatcher>,
    lane: Lane,
    held_back: &HeldBack,
) -> Result<Claimed, AppendError> {
    let free = match lane {
        Lane::First | Lane::Retry => {
            dispatcher.permits.free(share(lane), dispatcher.config.claim_rows)
        }
        Lane::Held => Free { permits: HELD_ROWS, ..Free::default() },
    };
    if free.permits == 0 {
        return Ok(Claimed::NoPermits);
    }
    let request = request(dispatcher, lane, &free, held_back);
    let mut round = Round::new(dispatcher, held_back, share(lane), lease_now());
    let appended = dispatcher.ledger.claim(&request, |rows| round.decide(rows)).await?;
    if round.seen > 0 {
        figures::claimed(lane_name(lane), round.seen);
    }
    let rows = round.conclude(&appended).await?;
    Ok(Claimed::Rows(rows))
}

fn request(dispatcher: &Dispatcher, lane: Lane, free: &Free, held_back: &HeldBack) -> ClaimRequest {
    let mut request = ClaimRequest {
        lane: lane.number(),
        limit: free.permits,
        lease_ms: dispatcher.lease_ms,
        without_tenants: free.without_tenants.iter().map(ToString::to_string).collect(),
        without_channels: held_back.on_channels(&free.without_channels),
        without_destinations: free.without_destinations.iter().map(ToString::to_string).collect(),
    };
    if lane != Lane::Held {
        held_back.leave_out_paused(dispatcher, &mut request);
    }
    request
}
