//! `waybill audit`: what the ledger knew at a position or an instant, on the database itself. Every answer names the
//! position it was read at.

mod decided;
mod replay;
mod standing;

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use history::{AsOf, Moment};
use schema::{Invalid, Position, TenantId};
use store::Ledger;

use super::output::Output;
use crate::boot;
use crate::config::Config;

/// What to look back at.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how something stood at a moment.
    AsOf(standing::AsOfArgs),
    /// Say what changed of something between two moments, and by which events.
    Difference(standing::DifferenceArgs),
    /// Say who was subscribed to a report at a moment.
    Subscribed(decided::SubscribedArgs),
    /// Say why a recipient got a report version, or did not.
    Why(decided::WhyArgs),
    /// Print a history as a person reads it: one line an event.
    Replay(replay::ReplayArgs),
}

/// One moment, as it is asked for.
#[derive(Debug, Args)]
struct MomentArgs {
    /// When the log ended at this position.
    #[arg(long, required_unless_present = "at", conflicts_with = "at")]
    position: Option<i64>,
    /// At this instant (RFC 3339), by the database's clock.
    #[arg(long)]
    at: Option<String>,
}

/// Answers what was asked.
pub async fn run(config: &Config, args: AuditArgs, output: Output) -> Result<bool> {
    let past = Past::open(config).await?;
    match args.action {
        Action::AsOf(args) => standing::as_of(&past, args, output).await?,
        Action::Difference(args) => standing::difference(&past, args, output).await?,
        Action::Subscribed(args) => decided::subscribed(&past, args, output).await?,
        Action::Why(args) => decided::why(&past, args, output).await?,
        Action::Replay(args) => replay::replay(&past, args, output).await?,
    }
    Ok(true)
}

/// The log up to where it is complete: nothing will ever appear in it any more.
struct Past {
    ledger: Arc<Ledger>,
    head: Position,
}

impl Past {
    async fn open(config: &Config) -> Result<Self> {
        let ledger = boot::open_ledger(config).await?;
        let head = boot::safe_head(&ledger).await?;
        Ok(Self { ledger, head })
    }

    async fn moment(&self, args: &MomentArgs) -> Result<Moment> {
        let as_of = match (args.position, &args.at) {
            (Some(position), _) => AsOf::Position(Position(position)),
            (None, at) => AsOf::Instant(at.as_deref().unwrap_or_default().parse()?),
        };
        Ok(as_of.resolve(&self.ledger, self.head).await?)
    }

    /// A position or an instant; where the log now ends, when none is named.
    async fn named(&self, field: &str, text: Option<&str>) -> Result<Moment> {
        let named = |invalid: Invalid| invalid.within(field);
        let as_of = text.map_or(Ok(AsOf::Position(self.head)), str::parse).map_err(named)?;
        as_of.resolve(&self.ledger, self.head).await.with_context(|| format!("--{field}"))
    }
}

fn tenant(text: &str) -> Result<TenantId> {
    Ok(text.parse()?)
}
