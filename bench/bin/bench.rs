//! `make bench`: the table of target, measured and verdict, each figure beside what it is compared with. A missed
//! target is told, not an error.
#![expect(clippy::print_stdout, reason = "a report to a person")]

use std::fs::File;
use std::io::Write;

use anyhow::Result;
use clap::Parser;
use waybill_bench::figures::{Bench, GROUPS, Machine, Verdict, lines, measure, table};
use waybill_bench::soak::Scene;

/// As Waybill's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Waybill on servers of its own.
#[derive(Parser)]
struct Args {
    /// Only these groups: append, units, tail, latency, intake, fanout, large, mirror, rebuild, mail, export, views,
    /// render.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A tenth of the work: for looking at the bench, not at the figures.
    #[arg(long)]
    quick: bool,
    /// Record where the node's time goes, with perf.
    #[arg(long)]
    profile: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Args { only, quick, profile } = Args::parse();
    let filter = tracing_subscriber::EnvFilter::new("waybill_bench=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let bench = Bench { scene: Scene::from_env()?, quick, profile };
    let machine = Machine::look(&bench.scene).await?;
    println!("{machine}{}", if quick { "\nQUICK: figures below are not for quoting" } else { "" });
    std::fs::create_dir_all(&bench.scene.run_dir)?;
    let path = bench.scene.directory("figures.jsonl");
    let mut file = File::create(&path)?;
    let mut all = Vec::new();
    for group in GROUPS {
        if !only.is_empty() && !only.iter().any(|only| only == group) {
            continue;
        }
        let figures = measure(&bench, group).await?;
        file.write_all(lines(&figures)?.as_bytes())?;
        println!("\n{}", table(&figures));
        all.extend(figures);
    }
    let machine_now = Machine::look(&bench.scene).await?;
    let missed = all.iter().filter(|figure| figure.verdict == Verdict::Missed).count();
    for figure in &mut all {
        figure.detail.clear();
    }
    println!("\n{}\n\nbefore: {machine}\nafter: {machine_now}", table(&all));
    println!("{} figures, {missed} missed; one JSON line each in {}", all.len(), path.display());
    Ok(())
}
