//! `waybill serve`: run until asked to stop, then leave nothing in doubt.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::boot;
use crate::config::Config;
use crate::telemetry::{self, Traces};

/// Serves until SIGINT or SIGTERM.
pub async fn run(config: Config) -> Result<bool> {
    let traces = Traces::start(&config.traces, config.node.id.as_deref())?;
    telemetry::start_logs(&config.log, traces.clone())?;
    let metrics = telemetry::start_metrics()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = boot::start(config, metrics).await?;
    info!(http.listen = %running.address, node.id = %running.node, "waybill serves on {}", running.address);
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = running.failed() => {}
    }
    info!("waybill stops: what is under way is sent and recorded first");
    let stopped = running.stop().await;
    if let Some(traces) = traces {
        // Its last requests block until they are answered.
        tokio::task::spawn_blocking(move || traces.end()).await?;
    }
    stopped
}
