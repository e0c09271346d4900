use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use api::ApiState;
use store::Ledger;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Three looks a minute: none is missed because one came late.
const EVERY: Duration = Duration::from_secs(20);

/// Records each minute whether this node is ready, until told to stop. What cannot be recorded counts as not available.
pub async fn keep(
    ledger: Arc<Ledger>,
    api: ApiState,
    node: String,
    stop: CancellationToken,
) -> Result<()> {
    let mut every = interval(EVERY);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let ready = api::is_ready(&api).await;
        if let Err(error) = ledger.record_minute(&node, ready).await {
            warn!(%error, "whether node {node} is ready could not be recorded");
        }
    }
    Ok(())
}
