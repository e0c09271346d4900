use anyhow::Result;
use clap::Args;
use followers::{Rate, RebuildOptions, RebuildProgress, RebuildReport, Rebuilder, Stage, Then};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cli::output::{Output, print_rows, say};

/// Which projection to rebuild, and how.
#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// Which; all with --all.
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// All of them, one after the other.
    #[arg(long)]
    all: bool,
    /// Only compare: leave the live tables as they are even when they differ.
    #[arg(long, conflicts_with_all = ["hold", "switch"])]
    compare_only: bool,
    /// Keep the rebuilt tables beside the live ones, for `switch`.
    #[arg(long, conflicts_with = "switch")]
    hold: bool,
    /// Put the rebuilt tables in place even when they are the same as the live ones.
    #[arg(long)]
    switch: bool,
    /// Events per second at most. Without it: 20,000 while anything is appended, as fast as it can otherwise.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "full_speed")]
    rate: Option<u32>,
    /// As fast as it can, whatever goes on beside it.
    #[arg(long)]
    full_speed: bool,
    /// Fold the log once more, event by event, and compare with that, too. Slow.
    #[arg(long)]
    reference: bool,
}

impl RebuildArgs {
    fn options(&self) -> RebuildOptions {
        let then = match (self.compare_only, self.hold, self.switch) {
            (true, ..) => Then::Compare,
            (_, true, _) => Then::Hold,
            (_, _, true) => Then::Switch,
            _ => Then::Mend,
        };
        let rate = match (self.rate, self.full_speed) {
            (Some(rate), _) => Rate::Limited(rate),
            (None, true) => Rate::Unlimited,
            (None, false) => Rate::ByTraffic,
        };
        RebuildOptions { then, rate, reference: self.reference, ..RebuildOptions::default() }
    }
}

/// Rebuilds, and says how it goes.
pub(super) async fn rebuild(
    rebuilder: &Rebuilder,
    args: &RebuildArgs,
    output: Output,
) -> Result<bool> {
    let bar = match output {
        Output::Table => ProgressBar::new_spinner(),
        Output::Json => ProgressBar::hidden(),
    };
    let mut tell = |progress: RebuildProgress| {
        bar.set_message(told(&progress));
        bar.tick();
    };
    let name = if args.all { "all" } else { args.name.as_deref().unwrap_or("all") };
    let stop = CancellationToken::new();
    let reports = tokio::select! {
        reports = rebuilder.rebuild(name, args.options(), &mut tell, &stop) => reports?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!(
            "stopped; the live tables are as they were, and the next `rebuild` goes on from here"
        ),
    };
    bar.finish_and_clear();
    print(&reports, output)
}

fn told(progress: &RebuildProgress) -> String {
    let stage = progress.stage.as_str().replace('_', " ");
    let mut told = format!("{}: {stage}, {} events", progress.name, progress.events);
    match progress.stage {
        Stage::Folding => told.push_str(&format!(" of about {}", progress.expected)),
        Stage::CatchingUp => {
            told.push_str(&format!(", at {} of {}", progress.position, progress.head));
        }
        _ => {}
    }
    if progress.events_per_second > 0.0 {
        told.push_str(&format!(", {:.0}/s", progress.events_per_second));
    }
    if let Some(eta) = progress.eta_s {
        told.push_str(&format!(", {eta:.0} s left"));
    }
    told
}

fn print(reports: &[RebuildReport], output: Output) -> Result<bool> {
    let equal = reports.iter().all(RebuildReport::is_equal);
    let rows = reports
        .iter()
        .map(|report| {
            vec![
                report.name.to_owned(),
                report.position.to_string(),
                report.live_digest.to_string()[..16].to_owned(),
                report.rebuilt_digest.to_string()[..16].to_owned(),
                if report.is_equal() { "equal" } else { "DIFFERENT" }.to_owned(),
                report.events.to_string(),
                format!("{:.0}", report.events as f64 / report.seconds.max(0.001)),
            ]
        })
        .collect();
    let raw: Value = json!({ "equal": equal, "reports": reports });
    let header = ["projection", "position", "live", "rebuilt", "digests", "events", "events/s"];
    print_rows(output, &header, rows, &raw);
    for report in reports {
        tell_more(report, output);
    }
    Ok(equal)
}

fn tell_more(report: &RebuildReport, output: Output) {
    let name = report.name;
    for difference in &report.differences {
        say(output, &format!("{name}: {difference}"));
    }
    if let Some(reference) = &report.reference {
        let same = reference.digest == reference.rebuilt_digest;
        let verdict = if same { "is the same" } else { "DIFFERS" };
        say(
            output,
            &format!("{name}: the fold event by event to {} {verdict}", reference.position),
        );
    }
    if report.swapped {
        say(output, &format!("{name}: the rebuilt tables are live now; `rollback` takes it back"));
    }
}
