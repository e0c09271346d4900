//! `waybill plan | apply`: subscriptions as a document that its owner keeps under version control. What the document
//! says is compared with what holds, told, and carried out by the public API. It touches its owner's subscriptions
//! alone, and of those only what it names.

mod apply;
mod compare;
mod document;
mod named;
mod record;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::client::{Client, ClientArgs};
use super::output::{Output, print_facts, say};

use self::compare::{Compared, Step};
use self::document::Document;
use self::record::Record;

/// Which document.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// The document (YAML).
    #[arg(short, long)]
    file: PathBuf,
}

/// Which document, and what of it was agreed to.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    plan: PlanArgs,
    /// What `plan --output json` printed: whatever changed since is refused.
    #[arg(long)]
    plan_file: Option<PathBuf>,
}

/// Says what would be done; false when some of it would be refused.
pub async fn plan(args: &PlanArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.client)?;
    let document = Document::read(&args.file)?;
    let mut compared = Compared::of(&client, &document, &Record::read(&args.file)?).await?;
    compared.refused = named::unknown(&client, &document, &compared).await?;
    tell(&compared, output);
    for refused in &compared.refused {
        say(output, &format!("would be refused: {}", refused.told(&args.file)));
    }
    print_facts(output, &[], &json!(compared));
    Ok(compared.refused.is_empty())
}

/// Does it; false when something was refused.
pub async fn apply(args: &ApplyArgs, output: Output) -> Result<bool> {
    let client = Client::new(&args.plan.client)?;
    let file = &args.plan.file;
    let (document, mut record) = (Document::read(file)?, Record::read(file)?);
    let compared = Compared::of(&client, &document, &record).await?;
    tell(&compared, output);
    let agreed = args.plan_file.as_deref().map(apply::agreed).transpose()?;
    let done = apply::carry_out(&client, &document, compared, agreed.as_ref(), &mut record).await;
    record.write(file)?;
    for refused in &done.refused {
        say(output, &format!("refused {}", refused.told(file)));
    }
    let (count, refused) = (done.applied, done.refused.len());
    say(output, &format!("{count} carried out, {refused} refused"));
    print_facts(output, &[], &json!(done));
    Ok(refused == 0)
}

fn tell(compared: &Compared, output: Output) {
    for Step { sign, subscription, fields, .. } in &compared.steps {
        say(output, &format!("{sign} {subscription}"));
        for field in fields {
            say(output, &format!("    {}: {} -> {}", field.field, field.before, field.after));
        }
    }
    for drift in &compared.drift {
        let (applied, now) = (drift.applied, drift.sequence);
        let since =
            format!("changed elsewhere since the last apply (sequence {applied}, now {now})");
        say(output, &format!("! {}: {since}", drift.subscription));
    }
    let count = |sign: char| compared.steps.iter().filter(|step| step.sign == sign).count();
    let (add, change, end) = (count('+'), count('~'), count('-'));
    let (same, drift) = (compared.unchanged, compared.drift.len());
    say(
        output,
        &format!(
            "{add} to add, {change} to change, {end} to end, {same} as they are; {drift} changed elsewhere"
        ),
    );
}
