use anyhow::Result;
use clap::Args;
use history::{Answer, Difference, FieldChange, Moment, stream_of};
use schema::{StreamId, TenantId};
use serde_json::{Value, to_value};

use super::{MomentArgs, Past, tenant};
use crate::cli::output::{Output, print_facts, print_rows, say};

/// Something that has a history of its own.
#[derive(Debug, Args)]
struct Subject {
    /// What kind: subscription, recipient, distribution or delivery.
    kind: String,
    /// Which one.
    id: String,
    /// Whose.
    #[arg(long)]
    tenant: String,
}

/// What stood how.
#[derive(Debug, Args)]
pub struct AsOfArgs {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    moment: MomentArgs,
}

/// What changed.
#[derive(Debug, Args)]
pub struct DifferenceArgs {
    #[command(flatten)]
    subject: Subject,
    /// The earlier moment: a position, or an instant (RFC 3339) by the database's clock.
    #[arg(long)]
    from: String,
    /// The later one; where the log now ends, when absent.
    #[arg(long)]
    to: Option<String>,
}

pub(super) async fn as_of(past: &Past, args: AsOfArgs, output: Output) -> Result<()> {
    let (tenant, stream) = args.subject.stream()?;
    let moment = past.moment(&args.moment).await?;
    let answer = Answer::of(&past.ledger, &tenant, &stream, moment).await?;
    let mut facts = vec![
        (answer.kind.as_str(), answer.id.clone()),
        ("as of position", told(answer.as_of)),
        ("state", format!("{:#}", answer.state)),
    ];
    if let Some(last) = &answer.last_change {
        facts.push(("last change", format!("{} ({})", last.event_type, last.sequence)));
        facts.push(("at position", last.position.to_string()));
        facts.push(("recorded at", last.recorded_at.to_string()));
        facts.push(("by", last.actor.to_string()));
    }
    print_facts(output, &facts, &to_value(&answer)?);
    Ok(())
}

pub(super) async fn difference(past: &Past, args: DifferenceArgs, output: Output) -> Result<()> {
    let (tenant, stream) = args.subject.stream()?;
    let from = past.named("from", Some(&args.from)).await?;
    let to = past.named("to", args.to.as_deref()).await?;
    let found = Difference::of(&past.ledger, &tenant, &stream, (from, to)).await?;
    let (one, fields, events) =
        (format!("{} {}", found.kind, found.id), &found.fields, &found.events);
    let how = if fields.is_empty() { "stood the same" } else { "changed" };
    say(output, &format!("{one} {how} from position {} to {}", told(from), told(to)));
    let rows = fields.iter().map(|change| vec![change.field.clone(), change_of(change)]).collect();
    print_rows(output, &["field", "change"], rows, &to_value(&found)?);
    for event in events {
        let at = format!("position {} at {}", event.position, event.recorded_at);
        say(
            output,
            &format!("{} ({}) at {at} by {}", event.event_type, event.sequence, event.actor),
        );
    }
    Ok(())
}

impl Subject {
    fn stream(&self) -> Result<(TenantId, StreamId)> {
        let tenant = tenant(&self.tenant)?;
        let stream = stream_of(&tenant, self.kind.parse()?, &self.id)?;
        Ok((tenant, stream))
    }
}

/// A moment as a person reads it.
pub(super) fn told(moment: Moment) -> String {
    format!("{} ({})", moment.position, moment.recorded_at)
}

fn change_of(change: &FieldChange) -> String {
    if change.is_sealed {
        return "changed (sealed)".to_owned();
    }
    let shown =
        |value: &Option<Value>| value.as_ref().map_or_else(|| "none".to_owned(), Value::to_string);
    format!("{} → {}", shown(&change.before), shown(&change.after))
}
