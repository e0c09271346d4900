use analysis::{Analyst, Answer};
use analytics::{By, ChannelEffectiveness, Completeness, DeliveryPerformance, Question};
use anyhow::Result;
use reactors::Proof;
use schema::{Position, TenantId};
use serde_json::Value;

use super::say;
use super::stage::{Stage, TENANT};
use crate::boot;
use crate::cli::output::{table, text_at};

/// Rows of an answer.
const LIMIT: u32 = 100;

/// How a column is shown: its name in the answer, its heading, its form.
type Shown = (&'static str, &'static str, fn(&Value) -> String);

const PERFORMANCE: [Shown; 8] = [
    ("channel", "channel", plain),
    ("closed", "closed", plain),
    ("delivered", "delivered", plain),
    ("accepted", "accepted", plain),
    ("bounced", "of them bounced", plain),
    ("dead_lettered", "dead letters", plain),
    ("p50_us", "P50", milliseconds),
    ("p99_us", "P99", milliseconds),
];
const EFFECTIVENESS: [Shown; 8] = [
    ("channel", "channel", plain),
    ("tried", "tried", plain),
    ("reached", "reached", plain),
    ("rate", "rate", percent),
    ("rate_low", "95 % from", percent),
    ("rate_high", "to", percent),
    ("adjusted_rate", "same mix of reports", percent),
    ("attempts_each", "attempts each", number),
];
const COMPLETENESS: [Shown; 8] = [
    ("report", "report", plain),
    ("considered", "considered", plain),
    ("planned", "planned", plain),
    ("not_planned", "not planned", plain),
    ("delivered", "delivered", plain),
    ("accepted", "accepted", plain),
    ("dead_lettered", "dead letters", plain),
    ("closes", "closes", yes),
];

/// Has DuckDB answer three standing questions over the export and what the log has beyond it, prints them, and
/// compares their sums with what the log alone has proven.
pub async fn show(stage: &Stage, head: Position, proof: &Proof) -> Result<bool> {
    let questions = Questions {
        analyst: boot::analyst(&stage.ledger, &stage.config),
        tenant: TenantId::try_new(TENANT)?,
        head,
    };
    let by_channel = DeliveryPerformance { by: vec![By::Channel], limit: LIMIT, ..<_>::default() };
    let title = "How each channel performed (version received to first attempt)";
    let performance = questions.ask(title, by_channel, &PERFORMANCE).await?;
    let title = "How well each channel works (Wilson's intervals)";
    let effectiveness =
        questions.ask(title, ChannelEffectiveness::default(), &EFFECTIVENESS).await?;
    let complete = Completeness { limit: LIMIT, ..<_>::default() };
    let title = "Whether each distribution is complete";
    let completeness = questions.ask(title, complete, &COMPLETENESS).await?;

    let closed = proof.outcomes.total();
    let [by_channel, worked, considered, planned] = [
        sum(&performance, "closed"),
        sum(&effectiveness, "closed"),
        sum(&completeness, "considered"),
        sum(&completeness, "planned"),
    ];
    let closes = completeness.rows.iter().all(|row| row["closes"] == Value::Bool(true));
    let agree = closes
        && closed > 0
        && [by_channel, worked] == [closed; 2]
        && [considered, planned] == [proof.sums.considered, proof.sums.planned];
    say(&format!(
        "Answers: closed {by_channel} by performance and {worked} by effectiveness, considered {considered} and \
         planned {planned} by completeness; the proven sums: {}",
        if agree { "EQUAL" } else { "NOT EQUAL" }
    ));
    Ok(agree)
}

struct Questions {
    analyst: Analyst,
    tenant: TenantId,
    head: Position,
}

impl Questions {
    async fn ask(
        &self,
        title: &str,
        question: impl Into<Question>,
        shown: &[Shown],
    ) -> Result<Answer> {
        let answer = self.analyst.ask(&self.tenant, self.head, question).await?;
        let header: Vec<&str> = shown.iter().map(|column| column.1).collect();
        let cells = answer.rows.iter().map(|row| {
            shown.iter().map(|(name, _, form)| form(&row[*name])).collect::<Vec<String>>()
        });
        say(&format!("{title}, by DuckDB as of position {}", answer.position));
        say(&table(&header, cells.collect()).to_string());
        Ok(answer)
    }
}

fn sum(answer: &Answer, column: &str) -> u64 {
    answer.rows.iter().filter_map(|row| row[column].as_u64()).sum()
}

fn plain(value: &Value) -> String {
    text_at(value, "")
}

fn yes(value: &Value) -> String {
    if value == &Value::Bool(true) { "yes" } else { "NO" }.to_owned()
}

fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn milliseconds(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.1} ms", value / 1_000.0))
}
