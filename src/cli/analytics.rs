//! `waybill analytics`: the standing questions and a statement of one's own, as tables, files and pictures.

use std::path::PathBuf;

use ::analytics::{
    AuditTrail, By, ChannelEffectiveness, Completeness, DeliveryList, DeliveryPerformance,
    FailureClusters, FailureList, Filter, Format, OwnSql, Patterns, Picture, Question, Target,
};
use analysis::Answer;
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use schema::{Position, TenantId};
use serde_json::{Value, json};

use super::output::{Output, print_done, print_rows, say, text_at};
use crate::boot;
use crate::config::Config;

/// Rows of a table that nobody has limited.
const ROWS: u32 = 1_000;

/// What to ask.
#[derive(Debug, Args)]
pub struct AnalyticsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Answer a standing question.
    Show {
        /// Which.
        view: View,
        #[command(flatten)]
        narrowed: Narrowed,
    },
    /// Answer one select statement over the tables events, deliveries, attempts, evidence, slices.
    Query {
        /// The statement.
        sql: String,
        /// Whose events.
        #[arg(long)]
        tenant: String,
    },
    /// Write the whole answer to a file.
    Export {
        /// A standing question.
        #[arg(required_unless_present = "sql", conflicts_with = "sql")]
        view: Option<View>,
        /// Or one select statement.
        #[arg(long)]
        sql: Option<String>,
        #[command(flatten)]
        narrowed: Narrowed,
        /// What kind of file.
        #[arg(long)]
        format: FileFormat,
        /// Where to. It must not exist.
        #[arg(long)]
        file: PathBuf,
    },
    /// Draw a standing question as SVG.
    Plot {
        /// Which.
        picture: Drawn,
        #[command(flatten)]
        narrowed: Narrowed,
        /// Where to. It must not exist.
        #[arg(long)]
        file: PathBuf,
    },
}

/// The standing questions.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum View {
    /// Events, oldest first.
    AuditTrail,
    /// Outcomes and latencies by channel and report.
    DeliveryPerformance,
    /// The same by hour.
    HourlyPerformance,
    /// Rates with intervals, adjusted for the mix of reports.
    ChannelEffectiveness,
    /// Hour of day × day of week.
    Patterns,
    /// Class × destination × hour.
    FailureClusters,
    /// The sums of each distribution.
    Completeness,
    /// Closed deliveries, one by one.
    Deliveries,
    /// Failed attempts, one by one.
    Failures,
}

/// The questions that are drawn.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drawn {
    /// Closed deliveries and latency by hour.
    DeliveryPerformance,
    /// Rates with their intervals.
    ChannelEffectiveness,
    /// Hour of day × day of week.
    Patterns,
    /// Class × destination.
    FailureClusters,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    Csv,
    Xlsx,
    Parquet,
}

#[derive(Debug, Args)]
struct Narrowed {
    /// Whose events.
    #[arg(long)]
    tenant: String,
    /// Not before (RFC 3339).
    #[arg(long)]
    from: Option<String>,
    /// Before (RFC 3339).
    #[arg(long)]
    until: Option<String>,
    /// Of this report.
    #[arg(long)]
    report: Option<String>,
    /// On this channel.
    #[arg(long)]
    channel: Option<String>,
    /// To this destination, a pseudonym.
    #[arg(long)]
    destination: Option<String>,
    /// To this recipient, a pseudonym.
    #[arg(long)]
    recipient: Option<String>,
    /// Behind this position, where events are listed.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// So many rows at most.
    #[arg(long, default_value_t = ROWS)]
    limit: u32,
}

impl Narrowed {
    fn filter(&self) -> Result<Filter> {
        let instant = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        Ok(Filter {
            from: instant(&self.from).context("--from")?,
            to: instant(&self.until).context("--until")?,
            report: self.report.clone(),
            channel: self.channel.clone(),
            destination: self.destination.clone(),
            recipient: self.recipient.clone(),
        })
    }

    fn question(&self, view: View) -> Result<Question> {
        let (filter, after, limit) = (self.filter()?, Position(self.after), self.limit);
        let report = self.report.clone();
        Ok(match view {
            View::AuditTrail => AuditTrail { filter, after, limit, ..Default::default() }.into(),
            View::DeliveryPerformance => {
                DeliveryPerformance { filter, by: vec![By::Channel, By::Report], limit }.into()
            }
            View::HourlyPerformance => {
                DeliveryPerformance { filter, by: vec![By::Hour], limit }.into()
            }
            View::ChannelEffectiveness => ChannelEffectiveness { filter }.into(),
            View::Patterns => Patterns { filter }.into(),
            View::FailureClusters => FailureClusters { filter, limit }.into(),
            View::Completeness => Completeness { report, limit, ..Default::default() }.into(),
            View::Deliveries => DeliveryList { filter, after, limit, ..Default::default() }.into(),
            View::Failures => FailureList { filter, after, limit, ..Default::default() }.into(),
        })
    }
}

/// Answers what was asked.
pub async fn run(config: &Config, args: AnalyticsArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    let analyst = boot::analyst(&ledger, config);
    let head = boot::safe_head(&ledger).await?;
    match args.action {
        Action::Show { view, narrowed } => {
            let question = narrowed.question(view)?;
            print(output, &analyst.ask(&narrowed.tenant.parse()?, head, question).await?)
        }
        Action::Query { sql, tenant } => {
            print(output, &analyst.ask(&tenant.parse()?, head, OwnSql(sql)).await?)
        }
        Action::Export { view, sql, narrowed, format, file } => {
            let question = match (view, sql) {
                (Some(view), _) => narrowed.question(view)?,
                (None, sql) => OwnSql(sql.unwrap_or_default()).into(),
            };
            let format = match format {
                FileFormat::Csv => Format::Csv,
                FileFormat::Xlsx => Format::Xlsx,
                FileFormat::Parquet => Format::Parquet,
            };
            let tenant: TenantId = narrowed.tenant.parse()?;
            let path = new_file(&file)?;
            let written = analyst.write(&tenant, head, question, Target { format, path }).await;
            let (position, rows) = written.inspect_err(|_| drop(std::fs::remove_file(&file)))?;
            let raw = json!({ "position": position, "rows": rows, "file": file });
            let sentence = format!("{rows} rows as of position {position} in {}", file.display());
            print_done(output, &sentence, &raw);
            Ok(true)
        }
        Action::Plot { picture, narrowed, file } => {
            let (view, picture) = match picture {
                Drawn::DeliveryPerformance => (View::HourlyPerformance, Picture::Hours),
                Drawn::ChannelEffectiveness => (View::ChannelEffectiveness, Picture::Rates),
                Drawn::Patterns => (View::Patterns, Picture::Week),
                Drawn::FailureClusters => (View::FailureClusters, Picture::Clusters),
            };
            let (question, path) = (narrowed.question(view)?, new_file(&file)?);
            let answer = analyst.ask(&narrowed.tenant.parse()?, head, question).await;
            let answer = answer.inspect_err(|_| drop(std::fs::remove_file(&file)))?;
            std::fs::write(path, picture.draw(answer.position, &answer.rows))?;
            let raw = json!({ "position": answer.position, "file": file });
            let sentence =
                format!("drawn as of position {} in {}", answer.position, file.display());
            print_done(output, &sentence, &raw);
            Ok(true)
        }
    }
}

/// Makes the file, so that none is overwritten; returns where it lies, whole.
fn new_file(path: &PathBuf) -> Result<PathBuf> {
    std::fs::File::create_new(path).with_context(|| format!("--file: {}", path.display()))?;
    Ok(std::fs::canonicalize(path)?)
}

fn print(output: Output, answer: &Answer) -> Result<bool> {
    let header: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let rows = answer
        .rows
        .iter()
        .map(|row| header.iter().map(|name| short(row, name)).collect::<Vec<_>>());
    print_rows(output, &header, rows.collect(), &serde_json::to_value(answer)?);
    let cut = if answer.is_cut { ", and there are more" } else { "" };
    let sentence = format!("{} rows as of position {}{cut}", answer.rows.len(), answer.position);
    say(output, &sentence);
    Ok(true)
}

/// A value as a person reads it.
fn short(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().unwrap_or_default())
        }
        _ => text_at(row, &format!("/{name}")),
    }
}
