use std::future::Future;
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// A thread with a runtime of its own, so that a sink answers when it is asked and not when its caller has time. Ends
/// with its last owner.
pub struct Aside {
    handle: Handle,
    stop: CancellationToken,
}

impl Aside {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(name: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let stopped = stop.clone();
        let run = move || runtime.block_on(stopped.cancelled());
        thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { handle, stop })
    }

    /// Runs `work` over there; all it spawns stays there.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.handle.spawn(work).await.context("a sink's thread ended")?
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
