//! `waybill migrate`: bring both databases to this program's version.

use anyhow::{Context, Result};

use super::keys;
use super::output::{Output, say};
use crate::config::Config;

/// Runs what has not run yet. Needs the owner's login.
pub async fn run(config: &Config, output: Output) -> Result<bool> {
    let owner =
        config.database.owner_url.as_ref().context(
            "database.owner_url: must be set to migrate; the application's role may not",
        )?;
    store::migrate(owner, &config.vault.url).await?;
    keys::create_installation(config).await?;
    say(output, "both databases are at this program's version");
    Ok(true)
}
