//! What the process says of itself: JSON logs on standard error, metrics for Prometheus, traces by OTLP.

mod counts;
mod traces;

pub use counts::count;
pub use traces::Traces;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogConfig, LogFormat};

/// Histogram bounds in seconds, from a tenth of a millisecond to a minute.
const LATENCY_BOUNDS_S: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// Spans that are sent, whatever level the logs have.
const TRACED: &str = "off,waybill=info";

/// Starts logging, and tracing where there is a collector. The level is for Waybill's own crates; libraries are held at
/// warnings, because at their chattier levels some of them print addresses and headers.
pub fn start_logs(config: &LogConfig, traces: Option<Traces>) -> Result<()> {
    let level = config.level.as_str();
    let libraries = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::try_new(format!("{libraries},waybill={level}"))
        .with_context(|| format!("log.level: {level:?} is no level"))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let traces = traces.map(|traces| traces.with_filter(EnvFilter::new(TRACED)));
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces).try_init()?;
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
