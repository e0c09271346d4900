use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aggregates::delivery::{Due, Lane, ToDo};
use schema::{ChannelKind, Timestamp};
use tokio::sync::Notify;

use crate::claim::Queue;

/// Wakes the lanes' claim loops before they would look by themselves.
#[derive(Debug)]
pub(crate) struct Bells {
    lanes: [[Bell; ChannelKind::ALL.len()]; 3],
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
        Self { lanes: std::array::from_fn(|_| std::array::from_fn(|_| bell())) }
    }

    fn of(&self, Queue { lane, channel }: Queue) -> &Bell {
        let of_lane = match lane {
            Lane::First => &self.lanes[0],
            Lane::Retry => &self.lanes[1],
            Lane::Held => &self.lanes[2],
        };
        &of_lane[channel as usize]
    }

    /// Something was put into a lane of a channel here.
    pub(crate) fn due(&self, channel: ChannelKind, to_do: ToDo) {
        let Due::At(at) = to_do.due else { return };
        let bell = self.of(Queue { lane: to_do.lane, channel });
        let before = bell.next_due.fetch_min(at.unix_micros(), Ordering::AcqRel);
        if at.unix_micros() < before {
            bell.ring.notify_one();
        }
    }

    /// Something is due in a lane now.
    pub(crate) fn ring(&self, queue: Queue) {
        self.of(queue).ring.notify_one();
    }

    /// Ends when the lane is rung for.
    pub(crate) async fn rung(&self, queue: Queue) {
        self.of(queue).ring.notified().await;
    }

    /// Ends when the lane should be looked at: after `longest`, when something known becomes due, or when rung for.
    pub(crate) async fn wait(&self, queue: Queue, longest: Duration, now: Timestamp) {
        let bell = self.of(queue);
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

    const fn mail(lane: Lane) -> Queue {
        Queue { lane, channel: ChannelKind::Mail }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_wakes_when_what_it_knows_of_is_due() {
        let bells = Bells::new();
        bells.due(ChannelKind::Mail, ToDo { lane: Lane::Retry, due: Due::At(NOW.plus_ms(700)) });
        bells.wait(mail(Lane::Retry), LONG, NOW).await; // for the ring itself
        let before = tokio::time::Instant::now();
        bells.wait(mail(Lane::Retry), LONG, NOW).await;
        assert_eq!(before.elapsed().as_millis(), 700);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ring_is_not_missed_by_a_lane_that_is_busy() {
        let bells = Bells::new();
        bells.ring(mail(Lane::First));
        let before = tokio::time::Instant::now();
        bells.wait(mail(Lane::First), LONG, NOW).await;
        assert!(before.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_of_which_nothing_is_known_waits_its_time() {
        let bells = Bells::new();
        let soon = Due::At(NOW.plus_ms(5));
        bells.due(ChannelKind::Mail, ToDo { lane: Lane::Held, due: soon });
        bells.due(ChannelKind::Webhook, ToDo { lane: Lane::First, due: soon });
        let before = tokio::time::Instant::now();
        bells.wait(mail(Lane::First), Duration::from_millis(250), NOW).await;
        assert_eq!(before.elapsed().as_millis(), 250);
    }
}
