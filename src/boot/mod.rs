//! How the process is put together and taken apart. The only place that names every room, and that spawns.

mod desk;
mod held;
mod index;
mod minutes;
mod parts;
mod running;
mod walls;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use schema::Position;
use store::{Ledger, LedgerConfig, Tail, TailConfig, VaultConfig};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use self::held::{SYSTEM, accepted_through};
pub use self::parts::analyst;
pub use self::running::Running;

use crate::config::Config;

/// A batch that takes no longer is never given up.
const SHORTEST_BATCH_MS: u64 = 1_000;
/// One that takes longer always is.
const LONGEST_BATCH_MS: u64 = 10_000;

/// Connects to the ledger as the application's role.
pub async fn open_ledger(config: &Config) -> Result<Arc<Ledger>> {
    let ledger = LedgerConfig {
        connections: config.database.writers,
        read_connections: config.database.readers,
        batch_timeout_ms: batch_timeout_ms(config.api.request_timeout_ms),
        ..LedgerConfig::new(config.database.url.clone())
    };
    Ledger::connect(ledger).await.context("the ledger's database (database.url)")
}

/// How long a transaction under way may hold the log's end up.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// The log's end, up to which it is complete: nothing will ever appear there any more. The tail alone knows it.
pub async fn safe_head(ledger: &Arc<Ledger>) -> Result<Position> {
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let tail = timeout(HEAD_PATIENCE, Tail::start(ledger, TailConfig::default(), stop)).await;
    let held = "a transaction holds the log's end up; `waybill doctor` says whose it is";
    let head = *tail.context(held)??.head().borrow();
    Ok(head)
}

/// A commit that hangs is given up well before the request that waits for it is: making sure that its connection has
/// ended takes some seconds more.
fn batch_timeout_ms(request_timeout_ms: u64) -> u64 {
    (request_timeout_ms / 3).clamp(SHORTEST_BATCH_MS, LONGEST_BATCH_MS)
}

/// The vault's connection, as configured.
pub fn vault_config(config: &Config) -> VaultConfig {
    VaultConfig {
        previous_master_keys: config.vault.previous_master_keys.clone(),
        ..VaultConfig::new(config.vault.url.clone(), config.vault.master_key.clone())
    }
}

/// Where the newest checkpoint is kept outside of the database.
pub fn identity_file(config: &Config) -> PathBuf {
    config.artifacts.dir.join("log-identity.json")
}

/// Builds every part, wires them, starts them. Returns when the API listens.
pub async fn start(config: Config, metrics: PrometheusHandle) -> Result<Running> {
    let parts = parts::Parts::build(config, metrics).await?;
    running::start(parts).await
}
