//! The command line. `serve` runs the product; the rest asks it or looks after its ledger. Holds no rule of its own.

mod analytics;
mod audit;
mod bulk;
mod client;
mod code;
mod deliveries;
mod demo;
mod destinations;
mod distributions;
mod doctor;
mod export;
mod figures;
mod health;
mod keys;
mod log;
mod migrate;
mod mirror;
mod output;
mod preview;
mod projections;
mod publish;
mod queue;
mod recover;
mod serve;
mod subscriptions;
mod suppressions;
mod yaml;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Parser, Subcommand};

use self::output::{Output, print_error};
use crate::config::Config;

/// The delivery ledger for reports.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// Configuration file (TOML). Variables named `WAYBILL_<SECTION>__<KEY>` win over it.
    #[arg(long, global = true, env = "WAYBILL_CONFIG")]
    config: Option<PathBuf>,
    /// How to answer.
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run: intake, planning, dispatch, followers, API.
    Serve,
    /// Show the whole product at work on real data.
    Demo(demo::DemoArgs),
    /// Bring the databases to this program's version.
    Migrate,
    /// Say what is wrong, and what to do about it.
    Doctor,
    /// Whether a node answers; for a container's health check.
    Health(health::HealthArgs),
    /// Tenants and their API keys, on the database itself.
    Keys(keys::KeysArgs),
    /// Publish a report version.
    Publish(publish::PublishArgs),
    /// Look at subscriptions and change them.
    Subscriptions(subscriptions::SubscriptionsArgs),
    /// Addresses that nothing is sent to: list, import, export, lift.
    Suppressions(suppressions::SuppressionsArgs),
    /// Say what a document of subscriptions would change.
    Plan(code::PlanArgs),
    /// Have what a document of subscriptions says hold.
    Apply(code::ApplyArgs),
    /// Webhooks: how they are sent to, other keys, a test event.
    Destinations(destinations::DestinationsArgs),
    /// Look at deliveries, cancel, resend, resolve.
    Deliveries(deliveries::DeliveriesArgs),
    /// Success, latency, satisfaction, availability against their targets.
    Gates(figures::GatesArgs),
    /// Sums that reconcile: by tenant, report, distribution, channel.
    Rollups(figures::RollupsArgs),
    /// The log's mirror on Kafka: status, verify, backfill.
    Mirror(mirror::MirrorArgs),
    /// After an older backup was restored: list what it lacks, bring it back, or go on without.
    Recover(recover::RecoverArgs),
    /// The completeness sums, proven from the log alone; who was served with what was corrected or withdrawn.
    Distributions(distributions::DistributionsArgs),
    /// Read models: status, rebuild, skip.
    Projections(projections::ProjectionsArgs),
    /// The write side's to-do list: check it against the log, rebuild it.
    Queue(queue::QueueArgs),
    /// Look back: what the ledger knew at a position or an instant.
    Audit(audit::AuditArgs),
    /// Read the log.
    Log(log::LogArgs),
    /// The log as Parquet files: status, verify, mend.
    Export(export::ExportArgs),
    /// Questions over many deliveries: tables, files, pictures.
    Analytics(analytics::AnalyticsArgs),
}

/// Reads the command line. What is wrong with it is told in the form that the answer was asked for in.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        if !error.use_stderr() || !wants_json(std::env::args()) {
            error.exit();
        }
        print_error(Output::Json, &anyhow!(error.render().to_string().trim().to_owned()));
        ExitCode::from(2)
    })
}

fn wants_json(words: impl Iterator<Item = String>) -> bool {
    let words: Vec<String> = words.collect();
    let apart = words.windows(2).any(|pair| pair == ["--output", "json"]);
    apart || words.iter().any(|word| word == "--output=json")
}

/// Runs what was asked for and turns its end into an exit code: 0 done, 1 failed or found something wrong.
pub async fn run(cli: Cli) -> ExitCode {
    let output = cli.output;
    match Box::pin(carry_out(cli)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print_error(output, &error);
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(cli: Cli) -> Result<bool> {
    let (file, output) = (cli.config.as_deref(), cli.output);
    match cli.command {
        Command::Serve => serve::run(Config::load(file)?).await,
        Command::Demo(args) => demo::run(file, args).await,
        Command::Migrate => migrate::run(&Config::load(file)?, output).await,
        Command::Doctor => doctor::run(&Config::load(file)?, output).await,
        Command::Health(args) => health::run(args, output).await,
        Command::Keys(args) => keys::run(&Config::load(file)?, args, output).await,
        Command::Publish(args) => publish::run(args, output).await,
        Command::Subscriptions(args) => subscriptions::run(args, output).await,
        Command::Suppressions(args) => suppressions::run(args, output).await,
        Command::Plan(args) => code::plan(&args, output).await,
        Command::Apply(args) => code::apply(&args, output).await,
        Command::Destinations(args) => destinations::run(args, output).await,
        Command::Deliveries(args) => deliveries::run(args, output).await,
        Command::Gates(args) => figures::gates(args, output).await,
        Command::Rollups(args) => figures::rollups(args, output).await,
        Command::Projections(args) => projections::run(&Config::load(file)?, args, output).await,
        Command::Mirror(args) => mirror::run(&Config::load(file)?, args, output).await,
        Command::Recover(args) => recover::run(&Config::load(file)?, args, output).await,
        Command::Distributions(args) => distributions::run(file, args, output).await,
        Command::Queue(args) => queue::run(&Config::load(file)?, args, output).await,
        Command::Audit(args) => audit::run(&Config::load(file)?, args, output).await,
        Command::Log(args) => log::run(&Config::load(file)?, args, output).await,
        Command::Export(args) => export::run(&Config::load(file)?, args, output).await,
        Command::Analytics(args) => analytics::run(&Config::load(file)?, args, output).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn no_two_arguments_of_a_command_are_in_each_others_way() {
        Cli::command().debug_assert();
    }
}
