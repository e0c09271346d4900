//! `waybill recover`: the log is an older backup. See what it lacks, bring it back from the mirror, or go on without.

mod addresses;
mod import;
mod list;
mod loss;

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use schema::Position;
use secrecy::SecretString;
use store::{Identity, Ledger, StoredIdentity};

use super::output::Output;
use crate::boot;
use crate::config::Config;

/// What to do about an older backup.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what the mirror holds and the ledger lacks; exit 1 when it lacks anything.
    List,
    /// Bring it back from the mirror: same positions, same times, same bytes. `serve` then goes on.
    Import,
    /// Go on without it. The decision is an event; what may have been sent is held for a person.
    AcceptLoss {
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(config: &Config, args: RecoverArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::List => list::run(&ledger, config, output).await,
        Action::Import => import::run(&ledger, config, output).await,
        Action::AcceptLoss { reason } => loss::run(&ledger, config, reason, output).await,
    }
}

/// Whoever may put events back, or pass positions by.
fn owner(config: &Config) -> Result<&SecretString> {
    config.database.owner_url.as_ref().context("database.owner_url: must be set to recover")
}

/// Whether there is a mirror to ask.
fn has_mirror(config: &Config) -> bool {
    !config.kafka.brokers.is_empty()
}

/// What is known outside of the database of a later event than the log holds.
async fn outside(ledger: &Ledger, config: &Config) -> Result<Option<StoredIdentity>> {
    Ok(match ledger.verify_identity(&boot::identity_file(config)).await? {
        Identity::Same | Identity::Unknown => None,
        Identity::RestoredBackup { stored, .. } => Some(stored),
    })
}

/// The last event that the log is known to have held, when it does not hold it now.
async fn known(ledger: &Arc<Ledger>, config: &Config) -> Result<Option<Position>> {
    let outside = outside(ledger, config).await?.map(|stored| stored.position);
    let mirrored = match has_mirror(config) {
        true => super::mirror::view(ledger, config)?.ahead().await?,
        false => None,
    };
    Ok(outside.max(mirrored))
}
