//! `waybill demo`: the whole product at work on real data, in one process, against real servers. Shows what a newcomer
//! would want to see and proves at the end that the sinks' own records equal the ledger, and so do mirror, export and
//! analytics. On the way a few people by name show what recipients meet: rendered files, a group, an inbox, a mail that
//! comes back, an unsubscribe. Uses the public API as anyone would; only what proves and compares reads the ledger
//! itself.

mod answers;
mod audience;
mod by_grpc;
mod derived;
mod gates;
mod guests;
mod inbox;
mod letter;
mod proof;
mod publishing;
mod rendered;
mod stage;
mod summary;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use self::stage::Stage;
use crate::boot;

/// How long the demo may take until everything is closed.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long the sick destination stays sick.
const SICK_FOR: Duration = Duration::from_millis(2_500);

/// What to show.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when all is delivered and proven; without it the demo stays up until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// How many recipients.
    #[arg(long, default_value_t = 1_000)]
    recipients: usize,
    /// Where the demo's reports lie.
    #[arg(long, default_value = "demo")]
    data: PathBuf,
    /// The mail sink's web page; `make demo` starts one and says where.
    #[arg(long, env = "WAYBILL_TEST_MAILDEV_URL")]
    mail_page: String,
}

/// Runs the demo; true when everything is closed, the sums close, the sinks agree, and mirror, export and analytics
/// hold what the log does.
pub async fn run(file: Option<&Path>, args: DemoArgs) -> Result<bool> {
    ensure!(args.data.is_dir(), "{} is no directory; run from the clone", args.data.display());
    let stage = Stage::set(file, args.mail_page).await?;
    say(&format!("Waybill serves on {} (node {})", stage.client_url(), stage.node()));
    let started = Instant::now();
    audience::invite(&stage, args.recipients).await?;
    guests::invite(&stage).await?;
    say(&format!(
        "{} recipients with addresses, grants and subscriptions, and a few by name, by the public API in {:.1} s",
        args.recipients,
        started.elapsed().as_secs_f64()
    ));
    let published = publishing::publish_all(&stage, &args.data).await?;
    let framed = published.iter().find(|(report, _)| report == publishing::FRAMED);
    let framed = framed.with_context(|| format!("no {}", publishing::FRAMED))?.1.clone();
    let mut distributions: Vec<String> = published.into_iter().map(|(_, id)| id).collect();
    distributions.push(letter::publish(&stage, "1").await?);
    let closed = watch(&stage, &distributions).await?;
    let shown = show(&stage, &framed, &mut distributions).await?;
    summary::print(&stage, &distributions).await?;
    let proven = proof::prove(&stage, &distributions).await?;
    let derived = derive(&stage).await?;
    summary::where_to_look(&stage, &distributions).await?;
    if !args.exit {
        say("The demo stays up. Ctrl-C ends it.");
        tokio::signal::ctrl_c().await?;
    }
    Ok(stage.leave().await? && closed && shown && proven && derived)
}

/// Shows, one after the other, what a recipient sees of it; true when each is as it should be.
async fn show(stage: &Stage, framed: &str, distributions: &mut Vec<String>) -> Result<bool> {
    let head = boot::safe_head(&stage.ledger).await?;
    // What is read below is read at once: first every read model must have come so far.
    let reached = "query($at: Position!) { inboxCounts(recipient: \"ada\", atLeastPosition: $at) { unread } }";
    stage.client.graphql(reached, json!({ "at": head.0 })).await?;
    let rendered = rendered::show(stage, framed).await?;
    let group = rendered::show_group(stage, framed, head).await?;
    let inbox = inbox::show(stage).await?;
    let trouble = letter::trouble(stage).await?;
    let next = letter::publish(stage, "2").await?;
    distributions.push(next.clone());
    let closed = watch(stage, distributions).await?;
    let honoured = letter::show_next(stage, &next).await?;
    let counted = gates::show(stage).await?;
    Ok(rendered && group && inbox && trouble && closed && honoured && counted)
}

/// Shows what is derived from the log, all of it as of one position; true when it is right.
async fn derive(stage: &Stage) -> Result<bool> {
    let head = boot::safe_head(&stage.ledger).await?;
    say(&format!("\nWhat is derived from the log, which ends at position {head}"));
    let same = derived::compare(stage, head).await?;
    let (holds, sums) = derived::prove_sums(stage, head).await?;
    let answered = answers::show(stage, head, &sums).await?;
    Ok(same && holds && answered)
}

/// Says a sentence to the person watching.
#[expect(clippy::print_stdout, reason = "the demo speaks to a person")]
fn say(sentence: &str) {
    println!("{sentence}");
}

/// Shows live progress until every distribution is reconciled; heals the sick destination on the way.
async fn watch(stage: &Stage, distributions: &[String]) -> Result<bool> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(
        "{elapsed_precise} {wide_bar} {pos}/{len} closed  {msg}",
    )?);
    let started = Instant::now();
    loop {
        if started.elapsed() > SICK_FOR {
            stage.sick.heal();
        }
        let sums = summary::Sums::read(stage, distributions).await?;
        bar.set_length(sums.planned);
        bar.set_position(sums.planned - sums.open.min(sums.planned));
        bar.set_message(format!("{} attempts, {} dead letters", sums.attempts, sums.dead_lettered));
        if sums.reconciled == distributions.len() {
            bar.finish();
            return Ok(true);
        }
        if started.elapsed() > PATIENCE {
            bar.abandon();
            say("Not everything was closed in time.");
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
