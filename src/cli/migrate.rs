//! `waybill migrate`: bring both databases to this program's version.

use anyhow::{Context, Result};
use serde_json::json;

use super::keys;
use super::output::{Output, print_done};
use crate::config::Config;

/// Does it, and says so.
pub async fn run(config: &Config, output: Output) -> Result<bool> {
    migrate(config).await?;
    let raw = json!({ "migrated": true, "version": env!("CARGO_PKG_VERSION") });
    print_done(output, "both databases are at this program's version", &raw);
    Ok(true)
}

/// Runs what has not run yet. Needs the owner's login.
pub async fn migrate(config: &Config) -> Result<()> {
    let owner =
        config.database.owner_url.as_ref().context(
            "database.owner_url: must be set to migrate; the application's role may not",
        )?;
    store::migrate(owner, &config.vault.url).await?;
    keys::create_installation(config).await
}
