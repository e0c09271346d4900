use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aggregates::delivery::{Due, Lane, ToDo};
use schema::Timestamp;
use tokio::sync::Notify;

/// Wakes the lanes' claim loops before they would look by themselves.
#[derive(Debug)]
pub(crate) struct Bells {
    lanes: [Bell; 3],
}

#[derive(Debug)]
struct Bell {
    ring: Notify,
    /// The earliest time known at which something is due, in microseconds since 1970.
    next_due: AtomicI64,
}

impl Bells {
    pub(crate) fn new() -> Self {
        let bell = || Bell { ring: Notify::new(), next_due: AtomicI64::new(i64::MAX) };
        Self { lanes: [bell(), bell(), bell()] }
    }

    fn of(&self, lane: Lane) -> &Bell {
        match lane {
            Lane::First => &self.lanes[0],
            Lane::Retry => &self.lanes[1],
            Lane::Held => &self.lanes[2],
        }
    }

    /// Something was put into a lane here.
    pub(crate) fn due(&self, to_do: ToDo) {
        let Due::At(at) = to_do.due else { return };
        let bell = self.of(to_do.lane);
        let before = bell.next_due.fetch_min(at.unix_micros(), Ordering::AcqRel);
        if at.unix_micros() < before {
            bell.ring.notify_one();
        }
    }

    /// Something is due in a lane now.
    pub(crate) fn ring(&self, lane: Lane) {
        self.of(lane).ring.notify_one();
    }

    /// Ends when the lane should be looked at: after `longest`, when something known becomes due, or when rung for.
    pub(crate) async fn wait(&self, lane: Lane, longest: Duration, now: Timestamp) {
        let bell = self.of(lane);
        let next_due = Timestamp::from_unix_micros(bell.next_due.load(Ordering::Acquire));
        let until_due =
            Duration::from_micros(u64::try_from(next_due.micros_since(now)).unwrap_or(0));
        let pause = until_due.min(longest);
        let rung = tokio::time::timeout(pause, bell.ring.notified()).await.is_ok();
        if !rung && until_due <= longest {
            // It is looked for now; what was put in meanwhile has set an earlier time, or is found by looking.
            bell.next_due.store(i64::MAX, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_000_000);
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_lane_wakes_when_what_it_knows_of_is_due() {
        let bells = Bells::new();
        bells.due(ToDo { lane: Lane::Retry, due: Due::At(NOW.plus_ms(700)) });
        bells.wait(Lane::Retry, LONG, NOW).await; // for the ring itself
        let before = tokio::time::Instant::now();
        bells.wait(Lane::Retry, LONG, NOW).await;
        assert_eq!(before.elapsed().as_millis(), 700);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ring_is_not_missed_by_a_lane_that_is_busy() {
        let bells = Bells::new();
        bells.ring(Lane::First);
        let before = tokio::time::Instant::now();
        bells.wait(Lane::First, LONG, NOW).await;
        assert!(before.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_of_which_nothing_is_known_waits_its_time() {
        let bells = Bells::new();
        bells.due(ToDo { lane: Lane::Held, due: Due::At(NOW.plus_ms(5)) });
        let before = tokio::time::Instant::now();
        bells.wait(Lane::First, Duration::from_millis(250), NOW).await;
        assert_eq!(before.elapsed().as_millis(), 250);
    }
}
