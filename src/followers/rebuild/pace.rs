use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// So many events per second beside traffic, unless told otherwise: about a tenth of what two processors can do.
const BESIDE_TRAFFIC: u64 = 20_000;
/// What appends more than this many events per second is traffic.
const TRAFFIC: f64 = 25.0;
/// Held back, a part is what may be applied in this time: short enough to be in nobody's way.
const BREATH_MS: u64 = 50;

/// How fast a rebuild may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rate {
    /// As fast as it can while nothing is appended, and at 20,000 events per second while something is.
    #[default]
    ByTraffic,
    /// At so many events per second at most, at least 1.
    Limited(u32),
    /// As fast as it can.
    Unlimited,
}

/// Holds a rebuild back.
pub(super) struct Pace {
    rate: Rate,
    /// Events per second; 0 for no limit.
    allowed: AtomicU64,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let allowed = match rate {
            // Until it is known whether there is traffic.
            Rate::ByTraffic => BESIDE_TRAFFIC,
            Rate::Limited(rate) => u64::from(rate.max(1)),
            Rate::Unlimited => 0,
        };
        Self { rate, allowed: AtomicU64::new(allowed), next: Mutex::new(Instant::now()) }
    }

    /// So many events were appended per second, of late.
    pub(super) fn look_at(&self, appended_per_second: f64) {
        if self.rate == Rate::ByTraffic {
            let allowed = if appended_per_second > TRAFFIC { BESIDE_TRAFFIC } else { 0 };
            self.allowed.store(allowed, Ordering::Relaxed);
        }
    }

    /// Events per second that are allowed just now.
    pub(super) fn allowed(&self) -> Option<u64> {
        Some(self.allowed.load(Ordering::Relaxed)).filter(|allowed| *allowed > 0)
    }

    /// How large a part may be, of at most `most` events.
    pub(super) fn part(&self, most: u32) -> u32 {
        let breath = self.allowed().map_or(u64::from(most), |rate| rate * BREATH_MS / 1_000);
        u32::try_from(breath).unwrap_or(most).clamp(1, most)
    }

    /// Waits until `events` more may be applied.
    pub(super) async fn wait(&self, events: usize) {
        let Some(rate) = self.allowed() else { return };
        let takes = Duration::from_micros(events as u64 * 1_000_000 / rate);
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = Instant::now().max(*next);
            *next = at + takes;
            at
        };
        sleep_until(at).await;
    }
}
