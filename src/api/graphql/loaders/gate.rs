use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// How long look-ups gather keys when nobody is busy.
const GATHER: Duration = Duration::from_millis(1);

/// Holds look-ups back until the answer they belong to has asked for all it can. Without it a batch begins a fixed time
/// after its first key, and on a busy machine a page of 40 rows, each ready a little later than the one before, was
/// loaded in twenty statements instead of one.
#[derive(Default)]
pub struct Gate {
    busy: AtomicUsize,
    quiet: Notify,
}

impl Gate {
    /// Runs `work`; whenever it is being advanced, look-ups wait.
    pub async fn working<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            let _busy = Busy::new(self);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Gathers keys, and goes on when nobody asks for more.
    pub async fn gathered(&self) {
        sleep(GATHER).await;
        loop {
            let mut quiet = pin!(self.quiet.notified());
            quiet.as_mut().enable();
            if self.busy.load(Ordering::Acquire) == 0 {
                return;
            }
            quiet.await;
        }
    }
}

struct Busy<'g>(&'g Gate);

impl<'g> Busy<'g> {
    fn new(gate: &'g Gate) -> Self {
        gate.busy.fetch_add(1, Ordering::AcqRel);
        Self(gate)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.quiet.notify_waiters();
        }
    }
}
