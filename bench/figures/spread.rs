use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Durations, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread(Vec<Duration>);

impl Spread {
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The smallest duration that `share` of all do not exceed, in milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let place = (share * self.0.len() as f64).ceil() as usize;
        let found = self.0.get(place.saturating_sub(1)).or(self.0.last());
        found.map_or(f64::NAN, |duration| duration.as_secs_f64() * 1000.0)
    }

    pub fn p50(&self) -> f64 {
        self.at(0.5)
    }

    pub fn p99(&self) -> f64 {
        self.at(0.99)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2}, p99 {:.2}, max {:.2}", self.p50(), self.p99(), self.at(1.0))
    }
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Starts `rate` calls of `work` a second for `seconds`, whether those before have ended or not; what they returned.
pub(super) async fn open_loop<F>(
    rate: u64,
    seconds: u64,
    mut work: impl FnMut(u64) -> F,
) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut under_way = JoinSet::new();
    let mut tick = interval(Duration::from_micros((1_000_000 / rate).max(1_000)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, total) = (Instant::now(), rate * seconds);
    let mut started = 0;
    let mut outputs = Vec::new();
    while started < total {
        tick.tick().await;
        let due = ((began.elapsed().as_secs_f64() * rate as f64) as u64 + 1).min(total);
        while started < due {
            under_way.spawn(work(started));
            started += 1;
        }
        while let Some(Ok(output)) = under_way.try_join_next() {
            outputs.push(output);
        }
    }
    while let Some(ended) = under_way.join_next().await {
        outputs.extend(ended);
    }
    outputs
}
