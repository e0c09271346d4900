//! What the process says of itself: JSON logs on standard error, metrics for Prometheus.

mod counts;

pub use counts::count;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogConfig, LogFormat};

/// Histogram bounds in seconds, from a tenth of a millisecond to a minute.
const LATENCY_BOUNDS_S: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// Starts logging. The level is for Waybill's own crates; libraries are held at warnings, because at their chattier
/// levels some of them print addresses and headers.
pub fn start_logs(config: &LogConfig) -> Result<()> {
    let level = config.level.as_str();
    let libraries = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::try_new(format!("{libraries},waybill={level}"))
        .with_context(|| format!("log.level: {level:?} is no level"))?;
    let logs = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Json => logs
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init()?,
        LogFormat::Text => logs.with(fmt::layer().with_writer(std::io::stderr)).try_init()?,
    }
    Ok(())
}

/// Starts counting. What is counted can be read from the handle.
pub fn start_metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BOUNDS_S)?
        .install_recorder()
        .context("the metrics recorder is already installed")
}

/// Sums that the last proof of completeness found not to hold.
pub fn completeness_mismatches(count: i64) {
    metrics::gauge!("waybill_completeness_mismatches").set(count as f64);
}
