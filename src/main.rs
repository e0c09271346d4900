//! Waybill: the delivery ledger for reports.

#![expect(clippy::print_stderr, reason = "a command line speaks there")]

mod boot;
mod cli;
mod config;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

/// A fifth of the processor time of a fan-out went into the system allocator; this one took a quarter off it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("waybill: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    cli::run(cli::Cli::parse()).await
}
