use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// So many events per second beside traffic, unless told otherwise: about a tenth of what two processors can do.
const BESIDE_TRAFFIC: u64 = 20_000;
/// When nothing was appended for so long, there is no traffic.
const QUIET: Duration = Duration::from_secs(2);
/// Held back, a part is what may be applied in this time: short enough to be in nobody's way.
const BREATH_MS: u64 = 50;

/// How fast a rebuild may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rate {
    /// At 20,000 events per second, and as fast as it can once nothing was appended for two seconds.
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
    /// When something was appended, as far as was seen; at first it is taken for granted.
    traffic_at: Mutex<Instant>,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let now = Instant::now();
        Self { rate, traffic_at: Mutex::new(now), next: Mutex::new(now) }
    }

    /// Something was appended just now.
    pub(super) fn traffic(&self) {
        *self.traffic_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Events per second that are allowed just now.
    pub(super) fn allowed(&self) -> Option<u64> {
        match self.rate {
            Rate::Limited(rate) => Some(u64::from(rate.max(1))),
            Rate::Unlimited => None,
            Rate::ByTraffic => {
                let at = *self.traffic_at.lock().unwrap_or_else(PoisonError::into_inner);
                (at.elapsed() < QUIET).then_some(BESIDE_TRAFFIC)
            }
        }
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
