use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::meter::Usage;

/// How a figure compares with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least as good.
    Met,
    /// Worse.
    Missed,
    /// Has no target of its own: stands beside another.
    Told,
}

impl Verdict {
    /// Met when `kept`.
    #[must_use]
    pub const fn of(kept: bool) -> Self {
        if kept { Self::Met } else { Self::Missed }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Told => "",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// What was wanted.
    pub target: String,
    /// What came out.
    pub measured: String,
    /// What it is compared with, measured in the same run.
    pub beside: String,
    /// Whether the target was met.
    pub verdict: Verdict,
    /// The machine while it was measured: load, fsync, whose processes used it.
    pub machine: String,
    /// Where time goes; more than a line of it when the target was missed.
    pub detail: Vec<String>,
}

impl Figure {
    /// A figure with nothing beside it yet.
    #[must_use]
    pub fn new(name: &str, target: &str, measured: String, verdict: Verdict) -> Self {
        Self {
            name: name.to_owned(),
            target: target.to_owned(),
            measured,
            beside: String::new(),
            verdict,
            machine: String::new(),
            detail: Vec::new(),
        }
    }

    /// With what it is compared to.
    #[must_use]
    pub fn beside(mut self, beside: String) -> Self {
        self.beside = beside;
        self
    }

    /// With what the machine did meanwhile.
    #[must_use]
    pub(super) fn on(mut self, usage: &Usage) -> Self {
        self.machine = usage.to_string();
        self
    }

    /// With where time goes.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }
}

/// The table, for a person.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(180);
    table.set_header(["figure", "target", "measured", "beside", "verdict", "machine meanwhile"]);
    for figure in figures {
        table.add_row([
            figure.name.as_str(),
            &figure.target,
            &figure.measured,
            &figure.beside,
            figure.verdict.word(),
            &figure.machine,
        ]);
    }
    let mut text = table.to_string();
    for figure in figures.iter().filter(|figure| !figure.detail.is_empty()) {
        text.push_str(&format!("\n\n{} ({})", figure.name, figure.verdict.word()));
        for line in &figure.detail {
            text.push_str("\n  ");
            text.push_str(line);
        }
    }
    text
}

/// One JSON object a line, for programs.
///
/// # Errors
/// Never for a figure of this crate.
pub fn lines(figures: &[Figure]) -> serde_json::Result<String> {
    let mut text = String::new();
    for figure in figures {
        text.push_str(&serde_json::to_string(figure)?);
        text.push('\n');
    }
    Ok(text)
}
