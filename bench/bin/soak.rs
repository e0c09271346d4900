//! `make soak`: kills, races and what they left behind. Exits 1 when a promise was broken.
#![expect(clippy::print_stdout, reason = "a report to a person")]

use anyhow::{Result, ensure};
use clap::Parser;
use comfy_table::{ContentArrangement, Table, presets};
use waybill_bench::soak::Scene;
use waybill_bench::soak::aftermath::Finding;
use waybill_bench::soak::kill::{Arena, KillVerdict, PERMITS, SIZE};
use waybill_bench::soak::tail::{self, TailVerdict, WRITERS};

/// Share of kills that must fall between 5 and 95 percent of the work.
const WELL_PLACED: f64 = 0.9;

/// Columns of a terminal that long findings are broken for.
const WIDTH: u16 = 120;

/// Kills and races against real servers.
#[derive(Parser)]
struct Args {
    /// Kills of `waybill serve`.
    #[arg(long, default_value_t = 50)]
    kills: u64,
    /// Kills of the Kafka broker, spread over those; at most as many.
    #[arg(long, default_value_t = 10)]
    broker_kills: u64,
    /// Events that race past the tail.
    #[arg(long, default_value_t = 5_000_000)]
    tail_events: u64,
    /// First seed; each kill has its own.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.broker_kills <= args.kills,
        "--broker-kills: {} must be at most --kills, {}",
        args.broker_kills,
        args.kills
    );
    let scene = Scene::from_env()?;
    let mut kept = true;
    if args.kills > 0 {
        kept &= kills(&scene, &args).await?;
    }
    if args.tail_events > 0 {
        kept &= tail_race(&scene, &args).await?;
    }
    println!("{}", if kept { "every promise was kept" } else { "A PROMISE WAS BROKEN" });
    std::process::exit(i32::from(!kept));
}

async fn kills(scene: &Scene, args: &Args) -> Result<bool> {
    println!(
        "{} kills of `waybill serve` and {} of the Kafka broker, {SIZE} deliveries each, {PERMITS} permits; the log is \
         mirrored and exported",
        args.kills, args.broker_kills
    );
    let mut arena = Arena::set_up(scene).await?;
    let mut verdicts = Vec::new();
    for n in 0..args.kills {
        // So many of the rounds, evenly spread.
        let broker = (n + 1) * args.broker_kills / args.kills > n * args.broker_kills / args.kills;
        let verdict = arena.round(args.seed + n, broker).await?;
        println!("{}", line(&verdict));
        verdicts.push(verdict);
    }
    let (took, findings) = arena.finish().await?;
    let well_placed =
        verdicts.iter().filter(|verdict| (0.05..=0.95).contains(&verdict.share_done)).count();
    let all = verdicts.iter().all(KillVerdict::kept);
    let enough = well_placed as f64 >= WELL_PLACED * verdicts.len() as f64;
    println!("{}", sums(&verdicts, well_placed));
    println!("mirror and export reached the log's end {:.1} s after the last", took.as_secs_f64());
    println!("{}", aftermath(&findings));
    Ok(all && enough && findings.iter().all(|finding| finding.holds))
}

fn line(verdict: &KillVerdict) -> String {
    let broker = verdict
        .broker_share
        .map_or_else(String::new, |share| format!("broker at {:4.1} %", share * 100.0));
    format!(
        "seed {:4}  done at kill {:5.1} %  {broker:16}  lost {}  duplicate events {}  duplicate sends {} (unmarked \
         {})  in doubt {}  {}",
        verdict.seed,
        verdict.share_done * 100.0,
        verdict.lost,
        verdict.duplicate_events,
        verdict.duplicate_sends,
        verdict.unmarked,
        verdict.in_doubt,
        if verdict.kept() { "kept" } else { "BROKEN" }
    )
}

fn sums(verdicts: &[KillVerdict], well_placed: usize) -> Table {
    let sum = |of: fn(&KillVerdict) -> u64| verdicts.iter().map(of).sum::<u64>().to_string();
    let most_in_doubt = verdicts.iter().map(|verdict| verdict.in_doubt).max().unwrap_or(0);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    let broker_kills = verdicts.iter().filter(|verdict| verdict.broker_share.is_some()).count();
    table.set_header([
        "kills",
        "of the broker",
        "at 5 to 95 %",
        "lost",
        "dup. events",
        "dup. sends",
        "unmarked",
        "most in doubt",
    ]);
    table.add_row([
        verdicts.len().to_string(),
        broker_kills.to_string(),
        well_placed.to_string(),
        sum(|verdict| verdict.lost),
        sum(|verdict| verdict.duplicate_events),
        sum(|verdict| verdict.duplicate_sends),
        sum(|verdict| verdict.unmarked),
        format!("{most_in_doubt} of {PERMITS}"),
    ]);
    table
}

fn aftermath(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["afterwards", "compared by", "found", "verdict"]);
    for Finding { what, by, found, holds } in findings {
        let verdict = if *holds { "kept" } else { "BROKEN" };
        table.add_row([what, by.as_str(), found.as_str(), verdict]);
    }
    table
}

async fn tail_race(scene: &Scene, args: &Args) -> Result<bool> {
    println!("{WRITERS} writers race past the tail, Postgres is killed half way");
    let TailVerdict { stored, rolled_back, missed, twice, phantom, disorder, took } =
        tail::run(scene, args.seed, args.tail_events).await?;
    println!(
        "tail: {stored} events stored, {rolled_back} rolled back, missed {missed}, twice {twice}, \
         not in the table {phantom}, out of order {disorder}, in {:.0} s",
        took.as_secs_f64()
    );
    Ok(stored >= args.tail_events && missed + twice + phantom + disorder == 0)
}
