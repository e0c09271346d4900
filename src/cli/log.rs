//! `waybill log`: read the log as it is stored.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use schema::{AggregateType, Position};
use serde_json::{Value, json, value::RawValue};
use store::LogRow;

use super::output::{Output, print_facts, print_rows};
use crate::boot;
use crate::config::Config;

/// Longest payload shown in a table, in characters.
const SHOWN_PAYLOAD: usize = 96;

/// What to read.
#[derive(Debug, Args)]
pub struct LogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how far the log goes and which log it is.
    Head,
    /// Print events in order.
    Show {
        /// Only events after this position.
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// Only streams of this kind (tenant, api_key, report, recipient, subscription, distribution, delivery).
        #[arg(long = "kind")]
        kinds: Vec<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        first: u32,
    },
}

/// Reads what was asked for.
pub async fn run(config: &Config, args: LogArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::Head => {
            let (head, installation) = (ledger.head().await?, ledger.installation().await?);
            let raw = json!({ "head": head, "installation": installation });
            let facts = [("head", head.to_string()), ("installation", installation.to_string())];
            print_facts(output, &facts, &raw);
        }
        Action::Show { after, kinds, first } => {
            let kinds = kinds.iter().map(|kind| kind.parse()).collect::<Result<Vec<_>, _>>()?;
            let rows = read(&ledger, Position(after), &kinds, first).await?;
            let raw = rows.iter().map(as_json).collect::<Result<Value>>()?;
            let header = ["position", "recorded at", "stream", "#", "event", "payload"];
            print_rows(output, &header, rows.iter().map(as_cells).collect(), &raw);
        }
    }
    Ok(true)
}

async fn read(
    ledger: &store::Ledger,
    after: Position,
    kinds: &[AggregateType],
    first: u32,
) -> Result<Vec<LogRow>> {
    let head = ledger.head().await?;
    let kinds = (!kinds.is_empty()).then_some(kinds);
    let (mut rows, mut after) = (Vec::new(), after);
    while rows.len() < first as usize && after < head {
        let window = Position(head.0.min(after.0 + 10_000));
        let left = first - u32::try_from(rows.len())?;
        let found = ledger.read(after, window, left, kinds).await?;
        let full = found.len() == left as usize;
        after = if full { found.last().map_or(window, |row| row.position) } else { window };
        rows.extend(found);
    }
    Ok(rows)
}

fn as_json(row: &LogRow) -> Result<Value> {
    let parsed = |text: &str| -> Result<Value> {
        let raw: Box<RawValue> = serde_json::from_str(text)?;
        serde_json::to_value(raw).context("stored JSON")
    };
    Ok(json!({
        "position": row.position,
        "recorded_at": row.recorded_at,
        "aggregate_type": row.aggregate_type,
        "aggregate_id": row.aggregate_id,
        "sequence": row.sequence,
        "event_type": row.event_type,
        "event_version": row.event_version,
        "payload": parsed(&row.payload)?,
        "metadata": parsed(&row.metadata)?,
    }))
}

fn as_cells(row: &LogRow) -> Vec<String> {
    let mut payload: String = row.payload.chars().take(SHOWN_PAYLOAD).collect();
    if row.payload.chars().nth(SHOWN_PAYLOAD).is_some() {
        payload.push('…');
    }
    vec![
        row.position.to_string(),
        row.recorded_at.to_string(),
        format!("{}:{}", row.aggregate_type, row.aggregate_id),
        row.sequence.to_string(),
        row.event_type.clone(),
        payload,
    ]
}
