//! `waybill gates` and `waybill rollups`: how well it goes, by the public API. The tenant is the key's.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::client::{Client, ClientArgs};
use super::output::{Output, print_rows, say, text_at};

/// Which gates.
#[derive(Debug, Args)]
pub struct GatesArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Versions received at or after this RFC 3339 instant; 30 days before `--until` when not given.
    #[arg(long)]
    since: Option<String>,
    /// Versions received before this instant; now when not given.
    #[arg(long)]
    until: Option<String>,
}

/// Which sums.
#[derive(Debug, Args)]
pub struct RollupsArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// What they are made for each of: tenant, report, distribution, channel.
    #[arg(long, default_value = "report")]
    by: String,
    /// Versions received at or after this RFC 3339 instant; 30 days before `--until` when not given.
    #[arg(long)]
    since: Option<String>,
    /// Versions received before this instant; now when not given.
    #[arg(long)]
    until: Option<String>,
}

fn asked(path: &str, values: &[(&str, Option<&String>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in values {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

/// Prints each gate with what it counts and what it leaves out.
pub async fn gates(args: GatesArgs, output: Output) -> Result<bool> {
    let path =
        asked("/v1/gates", &[("since", args.since.as_ref()), ("until", args.until.as_ref())]);
    let told = Client::new(&args.client)?.get(&path).await?;
    let gates = told["gates"].as_array().cloned().unwrap_or_default();
    print_rows(output, &GATE_HEADER, gates.iter().map(row_of).collect(), &told);
    for gate in &gates {
        say(output, &format!("{}: {}", text_at(gate, "/name"), text_at(gate, "/definition")));
    }
    Ok(true)
}

/// What [`row_of`] tells.
pub const GATE_HEADER: [&str; 7] =
    ["gate", "verdict", "target", "numerator", "denominator", "value", "excluded"];

/// A gate as the API tells it, for a table.
pub fn row_of(gate: &Value) -> Vec<String> {
    let of = |name| text_at(gate, &format!("/{name}"));
    let (parts, whole) = (gate["numerator"].as_f64(), gate["denominator"].as_f64());
    let value = match (gate["value_ms"].as_f64(), parts, whole) {
        (Some(ms), ..) => format!("{ms:.2} ms"),
        (None, Some(parts), Some(whole)) if whole > 0.0 => {
            format!("{:.4} %", 100.0 * parts / whole)
        }
        _ => "no data".to_owned(),
    };
    let excluded = gate["excluded"].as_object().into_iter().flatten();
    let excluded: Vec<_> = excluded.map(|(class, count)| format!("{class} {count}")).collect();
    let (name, verdict, target) = (of("name"), of("verdict"), of("target"));
    vec![name, verdict, target, of("numerator"), of("denominator"), value, excluded.join(", ")]
}

/// Prints sums that reconcile.
pub async fn rollups(args: RollupsArgs, output: Output) -> Result<bool> {
    let span = [("since", args.since.as_ref()), ("until", args.until.as_ref())];
    let path = asked("/v1/rollups", &[&[("by", Some(&args.by))], &span[..]].concat());
    let told = Client::new(&args.client)?.get(&path).await?;
    const COLUMNS: [&str; 12] = [
        "key",
        "considered",
        "planned",
        "not_planned",
        "open",
        "delivered",
        "accepted",
        "dead_lettered",
        "cancelled",
        "expired",
        "suppressed",
        "bounced",
    ];
    let rows = told["rows"].as_array().into_iter().flatten();
    let rows =
        rows.map(|row| COLUMNS.iter().map(|column| text_at(row, &format!("/{column}"))).collect());
    print_rows(output, &COLUMNS, rows.collect(), &told);
    Ok(true)
}
