//! Waybill: the delivery ledger for reports.

#![expect(clippy::print_stderr, reason = "a command line speaks there")]

mod boot;
mod cli;
mod clock;
mod config;
mod telemetry;

use std::process::ExitCode;

/// A fifth of the processor time of a fan-out went into the system allocator; this one took a quarter off it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("waybill: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    match cli::parse() {
        Ok(cli) => cli::run(cli).await,
        Err(code) => code,
    }
}
