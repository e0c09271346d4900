//! `waybill audit`: what the ledger knew at a position or an instant, on the database itself.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use history::{Answer, AsOf};
use schema::{AggregateType, Position, StreamId, TenantId};
use serde_json::to_value;

use super::output::{Output, print_facts};
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
    /// Say how something stood. The answer names the position it was read at.
    AsOf {
        /// What kind: subscription, recipient, distribution or delivery.
        kind: String,
        /// Which one.
        id: String,
        /// Whose.
        #[arg(long)]
        tenant: String,
        /// When the log ended at this position.
        #[arg(long, required_unless_present = "at", conflicts_with = "at")]
        position: Option<i64>,
        /// At this instant (RFC 3339), by the database's clock.
        #[arg(long)]
        at: Option<String>,
    },
}

/// Answers what was asked.
pub async fn run(config: &Config, args: AuditArgs, output: Output) -> Result<bool> {
    let Action::AsOf { kind, id, tenant, position, at } = args.action;
    let tenant: TenantId = tenant.parse()?;
    let stream = stream(&tenant, kind.parse()?, &id)?;
    let as_of = match (position, at) {
        (Some(position), None) => AsOf::Position(Position(position)),
        (None, Some(at)) => AsOf::Instant(at.parse()?),
        _ => bail!("name one moment: --position or --at"),
    };
    let ledger = boot::open_ledger(config).await?;
    let position = as_of.resolve(&ledger, ledger.head().await?).await?;
    let answer = Answer::of(&ledger, &tenant, &stream, position).await?;
    print(&answer, output)?;
    Ok(true)
}

fn stream(tenant: &TenantId, kind: AggregateType, id: &str) -> Result<StreamId> {
    Ok(match kind {
        AggregateType::Subscription => StreamId::subscription(tenant, &id.parse()?),
        AggregateType::Recipient => StreamId::recipient(tenant, &id.parse()?),
        AggregateType::Distribution => StreamId::distribution(id.parse()?),
        AggregateType::Delivery => StreamId::delivery(id.parse()?),
        AggregateType::Tenant | AggregateType::ApiKey | AggregateType::Report => {
            bail!("kind: {kind} must be subscription, recipient, distribution or delivery")
        }
    })
}

fn print(answer: &Answer, output: Output) -> Result<()> {
    let mut facts = vec![
        (answer.kind.as_str(), answer.id.clone()),
        ("as of position", answer.position.to_string()),
        ("state", format!("{:#}", answer.state)),
    ];
    if let Some(last) = &answer.last_change {
        facts.push(("last change", format!("{} ({})", last.event_type, last.sequence)));
        facts.push(("at position", last.position.to_string()));
        facts.push(("recorded at", last.recorded_at.to_string()));
        facts.push(("by", last.actor.to_string()));
    }
    print_facts(output, &facts, &to_value(answer)?);
    Ok(())
}
