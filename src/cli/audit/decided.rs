use anyhow::Result;
use clap::Args;
use history::{AsOf, Hold, Question, Subscribed, Subscriber, Why};
use schema::Invalid;
use serde_json::to_value;

use super::standing::told;
use super::{MomentArgs, Past, tenant};
use crate::cli::output::{Output, print_facts, print_rows, say};

/// Who was subscribed.
#[derive(Debug, Args)]
pub struct SubscribedArgs {
    /// To which report.
    report: String,
    /// Whose.
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    moment: MomentArgs,
}

/// Who got what.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Whose.
    #[arg(long)]
    tenant: String,
    /// Of which report.
    #[arg(long)]
    report: String,
    /// Which version of it.
    #[arg(long)]
    version: String,
    /// Who.
    #[arg(long)]
    recipient: String,
}

pub(super) async fn subscribed(past: &Past, args: SubscribedArgs, output: Output) -> Result<()> {
    let (tenant, report) = (tenant(&args.tenant)?, args.report.parse()?);
    let moment = past.moment(&args.moment).await?;
    let all = (None, usize::MAX);
    let found = Subscribed::of(&past.ledger, &tenant, &report, moment, all).await?;
    let count = found.subscribers.len();
    say(output, &format!("subscriptions to {report} as of position {}: {count}", told(moment)));
    let header = ["recipient", "subscription", "group", "version", "state", "grant"];
    print_rows(output, &header, found.subscribers.iter().map(row).collect(), &to_value(&found)?);
    Ok(())
}

fn row(one: &Subscriber) -> Vec<String> {
    let state = match (one.state, one.paused_until) {
        (Hold::Active, _) => "active".to_owned(),
        (Hold::Paused, None) => "paused".to_owned(),
        (Hold::Paused, Some(until)) => format!("paused until {until}"),
    };
    let grant = one.grant.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let (recipient, subscription) = (one.recipient.to_string(), one.subscription.to_string());
    let group = one.group.as_ref().map_or_else(String::new, ToString::to_string);
    vec![recipient, subscription, group, one.version.to_string(), state, grant]
}

pub(super) async fn why(past: &Past, args: WhyArgs, output: Output) -> Result<()> {
    let (tenant, report) = (tenant(&args.tenant)?, args.report.parse()?);
    let (version, recipient) = (args.version.parse()?, args.recipient.parse()?);
    let as_of = AsOf::Position(past.head).resolve(&past.ledger, past.head).await?;
    let question =
        Question { tenant: &tenant, report: &report, version: &version, recipient: &recipient };
    let why = Why::of(&past.ledger, question, as_of).await?;
    let rule = || format!("of {report} had not come in by position {}", as_of.position);
    let why = why.ok_or_else(|| Invalid::new("version", version.as_str(), rule()))?;
    let mut facts = vec![
        ("recipient", why.recipient.to_string()),
        ("version", format!("{} {}, received at {}", why.report, why.version, why.received_at)),
        ("distribution", why.distribution.to_string()),
        ("read at position", told(as_of)),
    ];
    facts.extend(why.sentences().into_iter().map(|sentence| ("decision", sentence)));
    print_facts(output, &facts, &to_value(&why)?);
    Ok(())
}
