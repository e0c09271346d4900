use anyhow::Result;
use clap::Args;
use history::{AsOf, Line, Replay, Subject, stream_of};
use schema::{AggregateType, Invalid, StreamId, TenantId};
use serde_json::to_value;

use super::{Past, tenant};
use crate::cli::output::{Lines, Output};

/// Whose history.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Whose.
    #[arg(long)]
    tenant: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SubjectArgs {
    /// Of one stream, as KIND:ID (tenant, api_key, report, recipient, subscription, distribution, delivery).
    #[arg(long)]
    stream: Option<String>,
    /// Of a report: its versions and their runs, who subscribed to it and may have it; not its single deliveries.
    #[arg(long)]
    report: Option<String>,
    /// Of a recipient: its addresses, grants, subscriptions and deliveries, and decisions against one.
    #[arg(long)]
    recipient: Option<String>,
}

pub(super) async fn replay(past: &Past, args: ReplayArgs, output: Output) -> Result<()> {
    let tenant = tenant(&args.tenant)?;
    let subject = args.subject.of(&tenant)?;
    let is_stream = matches!(subject, Subject::Stream(_));
    let as_of = AsOf::Position(past.head).resolve(&past.ledger, past.head).await?;
    let mut lines = Lines::begin(output, &to_value(as_of)?, "events")?;
    let mut replay = Replay::new(&past.ledger, &tenant, subject, as_of.position);
    while let Some(page) = replay.next().await? {
        for line in page {
            if !lines.print(&text(&line, is_stream), &to_value(&line)?)? {
                return Ok(());
            }
        }
    }
    let read = format!("read up to position {} ({})", as_of.position, as_of.recorded_at);
    lines.end(&read)
}

fn text(line: &Line, is_stream: bool) -> String {
    let Line { position, recorded_at, stream, actor, sentence, .. } = line;
    let of = if is_stream { String::new() } else { format!("{stream}: ") };
    format!("{position:>9}  {recorded_at}  {actor}  {of}{sentence}")
}

impl SubjectArgs {
    fn of(self, tenant: &TenantId) -> Result<Subject> {
        Ok(match (self.stream, self.report, self.recipient) {
            (Some(stream), ..) => Subject::Stream(parsed(tenant, &stream)?),
            (None, Some(report), _) => Subject::Report(report.parse()?),
            (None, None, recipient) => Subject::Recipient(recipient.unwrap_or_default().parse()?),
        })
    }
}

fn parsed(tenant: &TenantId, text: &str) -> Result<StreamId, Invalid> {
    let rule = || Invalid::new("stream", text, "must be KIND:ID, such as subscription:ada-risk");
    let (kind, id) = text.split_once(':').ok_or_else(rule)?;
    stream_of(tenant, kind.parse::<AggregateType>()?, id)
}
